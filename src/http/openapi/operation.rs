//! What the document says about one operation beyond its row: parameters, body, answers, problems.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr, Required};
use utoipa::{PartialSchema as _, ToSchema};

use crate::api::page::Page;
use crate::http::error::ProblemKind;

/// Fields of every answer.
const COMMON: [&str; 4] =
    ["Passport-Labs-Client-Trace-Id", "Strict-Transport-Security", "X-Content-Type-Options", "X-Request-Id"];
/// Fields of an answer with an entity tag.
pub(super) const TAGGED: [&str; 2] = ["ETag", "Cache-Control"];
/// What any request with a body of JSON may fail with.
const BODY: [ProblemKind; 6] = [
    ProblemKind::MalformedBody,
    ProblemKind::PayloadTooLarge,
    ProblemKind::RequestTimeout,
    ProblemKind::UnsupportedMediaType,
    ProblemKind::InvalidFields,
    ProblemKind::Unavailable,
];

/// The document of one operation, without what its row says.
pub(super) struct Documented {
    pub(super) id: &'static str,
    pub(super) description: &'static str,
    pub(super) operation: OperationBuilder,
    /// The answers that are no errors.
    pub(super) answers: BTreeMap<u16, ResponseBuilder>,
    /// Errors, beside those that every operation of its kind has.
    pub(super) kinds: Vec<ProblemKind>,
    pub(super) schemas: Schemas,
}

/// Schemas by their names.
#[derive(Default)]
pub(super) struct Schemas(pub(super) Vec<(String, RefOr<Schema>)>);

impl Schemas {
    /// A reference to the schema of `T`, which is in the document from now on.
    pub(super) fn of<T: ToSchema>(&mut self) -> Ref {
        self.0.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.0);
        Ref::from_schema_name(T::name())
    }

    /// The same of a page of `T`, under a name of its own.
    fn of_page<T: ToSchema>(&mut self) -> Ref {
        let name = format!("{}Page", T::name());
        self.0.push((name.clone(), Page::<T>::schema()));
        Page::<T>::schemas(&mut self.0);
        self.of::<T>();
        Ref::from_schema_name(name)
    }
}

impl Documented {
    /// Documents the operation with this id.
    pub(super) fn new(id: &'static str, description: &'static str) -> Self {
        let (operation, schemas) = (OperationBuilder::new(), Schemas::default());
        Self { id, description, operation, answers: BTreeMap::new(), kinds: Vec::new(), schemas }
    }

    /// It takes a parameter in the query string.
    pub(super) fn query(mut self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.operation = self.operation.parameter(parameter(name, ParameterIn::Query, description, schema));
        self
    }

    /// It takes a header that is among the components.
    pub(super) fn header(mut self, component: &str) -> Self {
        self.operation = self.operation.parameter_ref(Ref::new(format!("#/components/parameters/{component}")));
        self
    }

    /// It takes a body of JSON.
    pub(super) fn body<T: ToSchema>(self, required: Required, media_types: &[&str], example: &str) -> Self {
        let mut this = self.fails(&BODY);
        let schema = this.schemas.of::<T>();
        this.body_of(schema, required, media_types, &[example])
    }

    /// It takes a body of this schema; an example for each media type.
    pub(super) fn body_of(
        mut self,
        schema: impl Into<RefOr<Schema>>,
        required: Required,
        media_types: &[&str],
        examples: &[&str],
    ) -> Self {
        let (mut body, schema) = (RequestBodyBuilder::new().required(Some(required)), schema.into());
        for (media_type, example) in media_types.iter().zip(examples.iter().cycle()) {
            let content = ContentBuilder::new().schema(Some(schema.clone())).example(Some(json(example)));
            body = body.content(*media_type, content.build());
        }
        self.operation = self.operation.request_body(Some(body.build()));
        self
    }

    /// It answers with JSON.
    pub(super) fn answers<T: ToSchema>(
        mut self,
        status: StatusCode,
        description: &str,
        headers: &[&str],
        example: &str,
    ) -> Self {
        let schema = self.schemas.of::<T>();
        self.content(status, description, headers, "application/json", schema, json(example))
    }

    /// It answers with a body of this media type.
    pub(super) fn content(
        mut self,
        status: StatusCode,
        description: &str,
        headers: &[&str],
        media_type: &str,
        schema: impl Into<RefOr<Schema>>,
        example: Value,
    ) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
        let response = answer(description, headers).content(media_type, content);
        self.answers.insert(status.as_u16(), response);
        self
    }

    /// The answer of this status comes in another media type too, for callers that accept that one.
    pub(super) fn or(
        mut self,
        status: StatusCode,
        media_type: &str,
        schema: impl Into<RefOr<Schema>>,
        example: Value,
    ) -> Self {
        if let Some(response) = self.answers.remove(&status.as_u16()) {
            let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
            self.answers.insert(status.as_u16(), response.content(media_type, content));
        }
        self
    }

    /// It answers without a body.
    pub(super) fn no_content(mut self, status: StatusCode, description: &str, headers: &[&str]) -> Self {
        self.answers.insert(status.as_u16(), answer(description, headers));
        self
    }

    /// Its answer has a tag, and a request may name the tag that it has (RFC 9110 section 13).
    pub(super) fn read<T: ToSchema>(self, description: &str, example: &str) -> Self {
        self.answers::<T>(StatusCode::OK, description, &TAGGED, example).conditional()
    }

    /// The same, whatever its answer is.
    pub(super) fn conditional(self) -> Self {
        self.no_content(StatusCode::NOT_MODIFIED, "The caller has this state already.", &TAGGED)
            .header("If-None-Match")
            .header("If-Match")
            .fails(&[ProblemKind::PreconditionFailed])
    }

    /// It lists `T`, a page at a time; an example of one `T`.
    pub(super) fn pages<T: ToSchema>(mut self, description: &str, headers: &[&str], example: &str) -> Self {
        let schema = self.schemas.of_page::<T>();
        let page = json(&format!(r#"{{ "data": [{example}], "next_cursor": null }}"#));
        self.content(StatusCode::OK, description, headers, "application/json", schema, page).paged()
    }

    /// Its query says which page of a list.
    pub(super) fn paged(self) -> Self {
        let limit = integer(1, 100).default(Some(25.into()));
        self.query("limit", "The most entries on the page.", limit)
            .query("cursor", "`next_cursor` of the page before, with the same filters.", string())
            .fails(&[ProblemKind::MalformedQuery, ProblemKind::InvalidCursor])
    }

    /// It may fail so, too.
    pub(super) fn fails(mut self, kinds: &[ProblemKind]) -> Self {
        self.kinds.extend(kinds);
        self
    }
}

/// An answer with these fields of its own.
pub(super) fn answer(description: &str, headers: &[&str]) -> ResponseBuilder {
    let headers = COMMON.iter().chain(headers);
    let reference = |name: &str| Ref::new(format!("#/components/headers/{name}"));
    headers.fold(ResponseBuilder::new().description(description), |response, name| {
        response.header_ref(*name, reference(name))
    })
}

/// A parameter that may be left out, unless it is in the path.
pub(super) fn parameter(
    name: &str,
    place: ParameterIn,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    parameter.description(Some(description)).schema(Some(schema)).build()
}

/// A value of the document that is written as JSON text.
pub(super) fn json(text: &str) -> Value {
    // A test reads every example against its schema, and `null` is in none.
    serde_json::from_str(text).unwrap_or_default()
}

pub(super) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(super) fn integer(min: u64, max: u64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max))
}

pub(super) fn number(min: f64, max: f64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number).minimum(Some(min)).maximum(Some(max))
}
