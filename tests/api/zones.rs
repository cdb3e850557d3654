//! `/parking/zones` over HTTPS: the sample API's own contract (DESIGN 2.2).

use reqwest::Method;
use serde_json::json;

use crate::harness::{TestServer, WRITER, answer};

#[tokio::test]
async fn the_documented_post_works_without_a_content_type() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    let zone = json!({
        "number": "90210", "name": "Harbour Street", "operator_id": "op-harbour", "session_type": "vehicle",
        "location": { "latitude": 47.1, "longitude": 8.2 },
    });
    let request =
        server.request(Method::POST, "/parking/zones").header("Cache-Control", "no-cache").bearer_auth(&token);
    let created = answer(request.body(zone.to_string())).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_ne!(created.header("etag"), "");
    let shown = server.get(created.header("location"), &token).await;
    assert_eq!((shown.status, shown.json()), (200, created.json()));
}
