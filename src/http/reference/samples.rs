//! A request as a program writes it: curl, Python (requests), Node (fetch), Go (net/http).
//!
//! `static/js/samples.js` writes the same request in the same way on the start page. Each language has its own rule for
//! quoting, so a sample runs as it is copied. A token and a secret are read from the environment, and are in no sample.

use std::fmt::Write as _;

use serde_json::Value;

use super::quoting::{
    Language, go_quoted, literal, name, needs_escape, node_quoted, python_quoted, shell_quoted, shell_word,
};

/// Where a sandbox writes its certificate authority, seen from the folder in which it was started.
pub(super) const SANDBOX_AUTHORITY: &str = "data/tls/ca.pem";

/// A request to show.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) fields: Vec<(String, Part)>,
    pub(super) body: Body,
    /// The file of the certificate authority to trust; without it those of the system.
    pub(super) authority: Option<&'static str>,
}

/// The value of a field or of a parameter.
pub(super) enum Part {
    Text(String),
    /// A variable of the environment. As a field it is a bearer token.
    Variable(&'static str),
}

pub(super) enum Body {
    None,
    Form(Vec<(&'static str, Part)>),
    /// As JSON.
    Json(Value),
}

/// A request in one language.
pub(super) struct Sample {
    pub(super) title: &'static str,
    pub(super) code: String,
}

impl Call {
    /// The request in each language.
    pub(super) fn samples(&self) -> Vec<Sample> {
        vec![
            Sample { title: "curl", code: self.curl() },
            Sample { title: "Python", code: self.python() },
            Sample { title: "Node", code: self.node() },
            Sample { title: "Go", code: self.go() },
        ]
    }

    fn form(&self) -> &[(&'static str, Part)] {
        match &self.body {
            Body::Form(form) => form,
            Body::None | Body::Json(_) => &[],
        }
    }

    /// Its body of JSON.
    pub(super) fn json(&self) -> Option<&Value> {
        match &self.body {
            Body::Json(value) => Some(value),
            Body::None | Body::Form(_) => None,
        }
    }

    /// Whether it reads any variable.
    fn reads_environment(&self) -> bool {
        let is_variable = |part: &Part| matches!(part, Part::Variable(_));
        self.fields.iter().any(|(_, part)| is_variable(part)) || self.form().iter().any(|(_, part)| is_variable(part))
    }

    fn curl(&self) -> String {
        let trust = self.authority.map_or_else(String::new, |authority| format!(" --cacert {authority}"));
        let mut words = vec![format!("curl -sS -i{trust}")];
        // curl reads [1-9] and {a,b} in an address as several addresses.
        if self.url.contains(['[', ']', '{', '}']) {
            words.push("--globoff".to_owned());
        }
        let implied = if matches!(self.body, Body::None) { "GET" } else { "POST" };
        if self.method != implied {
            words.push(format!("-X {}", self.method));
        }
        words.extend(self.fields.iter().map(|(name, part)| match part {
            Part::Text(value) => format!("-H {}", shell_quoted(&format!("{name}: {value}"))),
            Part::Variable(variable) => format!("-H \"{name}: Bearer ${variable}\""),
        }));
        words.extend(self.form().iter().map(|(name, part)| match part {
            Part::Text(value) => format!("--data-urlencode {}", shell_quoted(&format!("{name}={value}"))),
            Part::Variable(variable) => format!("--data-urlencode \"{name}=${variable}\""),
        }));
        words.extend(self.json().map(|body| format!("--data-raw {}", shell_quoted(&pretty(body)))));
        words.push(shell_word(&self.url));
        words.join(" \\\n  ")
    }

    fn python(&self) -> String {
        let variable = |name: &str| format!("os.environ[\"{name}\"]");
        let mut arguments = format!("    {},\n", python_quoted(&self.url));
        // `json=` sends the field itself.
        let is_json = |name: &str, part: &Part| {
            name == "Content-Type" && matches!(part, Part::Text(value) if value == "application/json")
        };
        let shown = self.fields.iter().filter(|(name, part)| self.json().is_none() || !is_json(name, part));
        let shown: String = shown
            .map(|(name, part)| match part {
                Part::Text(value) => format!("        {}: {},\n", python_quoted(name), python_quoted(value)),
                Part::Variable(name_of) => {
                    format!("        {}: \"Bearer \" + {},\n", python_quoted(name), variable(name_of))
                }
            })
            .collect();
        if !shown.is_empty() {
            let _ = write!(arguments, "    headers={{\n{shown}    }},\n");
        }
        match &self.body {
            Body::None => {}
            Body::Form(form) => {
                let pairs = form.iter().map(|(name, part)| match part {
                    Part::Text(value) => format!("        {}: {},\n", python_quoted(name), python_quoted(value)),
                    Part::Variable(name_of) => format!("        {}: {},\n", python_quoted(name), variable(name_of)),
                });
                let _ = write!(arguments, "    data={{\n{}    }},\n", pairs.collect::<String>());
            }
            Body::Json(body) => {
                let _ = writeln!(arguments, "    json={},", literal(body, Language::Python, "    "));
            }
        }
        let trust = self.authority.map(|authority| format!("# REQUESTS_CA_BUNDLE={authority} python3 sample.py\n"));
        let import = if self.reads_environment() { "import os\n\n" } else { "" };
        format!(
            "{}{import}import requests\n\nresponse = requests.{}(\n{arguments})\n\
             print(response.status_code, response.headers[\"X-Request-Id\"])\nprint(response.text)",
            trust.unwrap_or_default(),
            self.method.to_lowercase(),
        )
    }

    fn node(&self) -> String {
        let variable = |name: &str| format!("process.env.{name}");
        let mut options = String::new();
        if self.method != "GET" {
            let _ = writeln!(options, "  method: {},", node_quoted(&self.method));
        }
        if !self.fields.is_empty() {
            let fields = self.fields.iter().map(|(key, part)| match part {
                Part::Text(value) => format!("    {}: {},\n", name(key, Language::Node), node_quoted(value)),
                Part::Variable(name_of) => {
                    format!("    {}: `Bearer ${{{}}}`,\n", name(key, Language::Node), variable(name_of))
                }
            });
            let _ = write!(options, "  headers: {{\n{}  }},\n", fields.collect::<String>());
        }
        match &self.body {
            Body::None => {}
            Body::Form(form) => {
                let pairs = form.iter().map(|(key, part)| match part {
                    Part::Text(value) => format!("    {key}: {},\n", node_quoted(value)),
                    Part::Variable(name_of) => format!("    {key}: {},\n", variable(name_of)),
                });
                let _ = write!(options, "  body: new URLSearchParams({{\n{}  }}),\n", pairs.collect::<String>());
            }
            Body::Json(body) => {
                let _ = writeln!(options, "  body: JSON.stringify({}),", literal(body, Language::Node, "  "));
            }
        }
        let trust = self.authority.map(|authority| format!("// NODE_EXTRA_CA_CERTS={authority} node sample.mjs\n"));
        let options = if options.is_empty() { options } else { format!(", {{\n{options}}}") };
        format!(
            "{}const response = await fetch({}{options});\n\
             console.log(response.status, response.headers.get(\"x-request-id\"));\n\
             console.log(await response.text());",
            trust.unwrap_or_default(),
            node_quoted(&self.url),
        )
    }

    fn go(&self) -> String {
        const FAILED: &str = "if err != nil {\n\t\tlog.Fatal(err)\n\t}";
        let variable = |name: &str| format!("os.Getenv(\"{name}\")");
        let mut lines = Vec::new();
        let reader = match &self.body {
            Body::None => "nil".to_owned(),
            Body::Form(form) => {
                let pairs = form.iter().map(|(name, part)| match part {
                    Part::Text(value) => format!("\t\t\"{name}\": {{{}}},\n", go_quoted(value)),
                    Part::Variable(name_of) => format!("\t\t\"{name}\": {{{}}},\n", variable(name_of)),
                });
                lines.push(format!("form := url.Values{{\n{}\t}}", pairs.collect::<String>()));
                "strings.NewReader(form.Encode())".to_owned()
            }
            Body::Json(body) => {
                let body = pretty(body);
                // A raw string has no escapes, so it can have neither a backtick nor what must be escaped.
                let is_raw = !body.contains('`') && !body.chars().any(|letter| letter != '\n' && needs_escape(letter));
                let text = if is_raw { format!("`{body}`") } else { go_quoted(&body) };
                format!("strings.NewReader({text})")
            }
        };
        let is_form = matches!(self.body, Body::Form(_));
        lines.push(format!(
            "request, err := http.NewRequest({}, {}, {reader})",
            go_quoted(&self.method),
            go_quoted(&self.url),
        ));
        lines.push(FAILED.to_owned());
        lines.extend(self.fields.iter().map(|(name, part)| match part {
            Part::Text(value) => format!("request.Header.Set({}, {})", go_quoted(name), go_quoted(value)),
            Part::Variable(name_of) => {
                format!("request.Header.Set({}, \"Bearer \"+{})", go_quoted(name), variable(name_of))
            }
        }));
        if is_form {
            lines.push("request.Header.Set(\"Content-Type\", \"application/x-www-form-urlencoded\")".to_owned());
        }
        lines.extend(
            [
                "response, err := http.DefaultClient.Do(request)",
                FAILED,
                "defer response.Body.Close()",
                "body, err := io.ReadAll(response.Body)",
                FAILED,
                "fmt.Println(response.StatusCode, response.Header.Get(\"X-Request-Id\"))",
                "fmt.Println(string(body))",
            ]
            .map(str::to_owned),
        );
        let packages = [
            ("fmt", true),
            ("io", true),
            ("log", true),
            ("net/http", true),
            ("net/url", is_form),
            ("os", self.reads_environment()),
            ("strings", !matches!(self.body, Body::None)),
        ];
        let packages = packages.iter().filter(|(_, is_used)| *is_used).map(|(name, _)| format!("\t\"{name}\"\n"));
        let trust = self.authority.map(|authority| format!("// SSL_CERT_FILE={authority} go run sample.go\n"));
        format!(
            "{}package main\n\nimport (\n{})\n\nfunc main() {{\n{}}}",
            trust.unwrap_or_default(),
            packages.collect::<String>(),
            lines.iter().map(|line| format!("\t{line}\n")).collect::<Vec<_>>().concat(),
        )
    }
}

/// JSON with two spaces for each level, as JavaScript's `JSON.stringify(value, null, 2)` writes it.
pub(super) fn pretty(value: &Value) -> String {
    // Every key is a string, so this does not fail.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(body: Body) -> Call {
        let fields = vec![
            ("Authorization".to_owned(), Part::Variable("TOKEN")),
            ("Content-Type".to_owned(), Part::Text("application/json".to_owned())),
        ];
        Call {
            method: "POST".to_owned(),
            url: "https://localhost:8443/parking/zones".to_owned(),
            fields,
            body,
            authority: Some(SANDBOX_AUTHORITY),
        }
    }

    fn code(call: &Call, title: &str) -> String {
        call.samples().into_iter().find(|sample| sample.title == title).unwrap().code
    }

    #[test]
    fn a_request_with_json_is_written_in_each_language() {
        let call = call(Body::Json(json!({ "name": "Pier's \"end\"", "open": true, "spaces": [], "note": null })));
        assert_eq!(
            code(&call, "curl"),
            "curl -sS -i --cacert data/tls/ca.pem \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  \
             -H 'Content-Type: application/json' \\\n  --data-raw '{\n  \"name\": \"Pier'\\''s \\\"end\\\"\",\n  \
             \"note\": null,\n  \"open\": true,\n  \"spaces\": []\n}' \\\n  https://localhost:8443/parking/zones"
        );
        assert_eq!(
            code(&call, "Python"),
            "# REQUESTS_CA_BUNDLE=data/tls/ca.pem python3 sample.py\nimport os\n\nimport requests\n\n\
             response = requests.post(\n    \"https://localhost:8443/parking/zones\",\n    headers={\n        \
             \"Authorization\": \"Bearer \" + os.environ[\"TOKEN\"],\n    },\n    json={\n        \
             \"name\": \"Pier's \\\"end\\\"\",\n        \"note\": None,\n        \"open\": True,\n        \
             \"spaces\": [],\n    },\n)\nprint(response.status_code, response.headers[\"X-Request-Id\"])\n\
             print(response.text)"
        );
        let node = code(&call, "Node");
        assert!(
            node.contains("  headers: {\n    Authorization: `Bearer ${process.env.TOKEN}`,\n    \"Content-Type\": ")
        );
        assert!(
            node.contains("  body: JSON.stringify({\n    name: \"Pier's \\\"end\\\"\",\n    note: null,\n"),
            "{node}"
        );
        let go = code(&call, "Go");
        assert!(go.contains("strings.NewReader(`{\n  \"name\": \"Pier's \\\"end\\\"\",\n"), "{go}");
        assert!(go.contains("\t\"os\"\n\t\"strings\"\n)"), "{go}");
    }

    #[test]
    fn a_request_with_a_form_reads_the_secret_from_the_environment() {
        let form =
            vec![("client_id", Part::Text("it's".to_owned())), ("client_secret", Part::Variable("CLIENT_SECRET"))];
        let call = Call { fields: Vec::new(), authority: None, ..call(Body::Form(form)) };
        assert_eq!(
            code(&call, "curl"),
            "curl -sS -i \\\n  --data-urlencode 'client_id=it'\\''s' \\\n  \
             --data-urlencode \"client_secret=$CLIENT_SECRET\" \\\n  https://localhost:8443/parking/zones"
        );
        for (title, expected) in [
            ("Python", "        \"client_secret\": os.environ[\"CLIENT_SECRET\"],\n"),
            ("Node", "    client_secret: process.env.CLIENT_SECRET,\n"),
            ("Go", "\t\t\"client_secret\": {os.Getenv(\"CLIENT_SECRET\")},\n"),
        ] {
            assert!(code(&call, title).contains(expected), "{title}");
        }
    }

    #[test]
    fn a_request_without_a_body_says_its_method_only_where_it_must() {
        let fields = || vec![("Authorization".to_owned(), Part::Variable("TOKEN"))];
        let call = |method: &str| Call { method: method.to_owned(), fields: fields(), ..call(Body::None) };
        assert!(!code(&call("GET"), "curl").contains("-X") && code(&call("DELETE"), "curl").contains("-X DELETE"));
        assert!(!code(&call("GET"), "Node").contains("method") && code(&call("DELETE"), "Node").contains("\"DELETE\""));
        assert!(
            code(&call("GET"), "Go")
                .contains("http.NewRequest(\"GET\", \"https://localhost:8443/parking/zones\", nil)")
        );
    }
}
