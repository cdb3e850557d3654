//! A schema as a reader sees it: its type in words, its bounds, what it means, and its members beneath it.

use std::fmt::Write as _;

use askama::Template;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AllOf, Array, ArrayItems, Components, Object, OneOf, Schema, SchemaType, Type,
};

use crate::http::pages::html::{escaped, with_code};

/// How deep the members of a schema are listed beneath it; a deeper one is a link.
const DEPTH: usize = 4;
/// Formats that say what a text is. Those of numbers say how wide they are, which JSON does not.
const FORMATS: [&str; 2] = ["uuid", "date-time"];

/// A schema in words. Each text is HTML.
#[derive(Default)]
pub(super) struct Shape {
    pub(super) kind: String,
    pub(super) bounds: String,
    pub(super) description: String,
    pub(super) members: Members,
    /// Whether a member that is not listed is refused.
    pub(super) is_closed: bool,
}

/// A member of an object.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) is_required: bool,
    pub(super) shape: Shape,
}

/// Members as a list, with those of each beneath it.
#[derive(Default, Template)]
#[template(path = "reference_members.html")]
pub(super) struct Members {
    members: Vec<Member>,
}

/// The anchor of a schema.
pub(super) fn anchor(name: &str) -> String {
    format!("schema-{name}")
}

/// A link to a schema.
pub(super) fn link(name: &str) -> String {
    format!("<a href=\"#{}\">{}</a>", anchor(name), escaped(name))
}

/// Reads schemas, which may refer to those of the document.
#[derive(Clone, Copy)]
pub(super) struct Reader<'d>(pub(super) &'d Components);

impl Reader<'_> {
    /// A schema with all that is beneath it.
    pub(super) fn whole(self, schema: &RefOr<Schema>) -> Shape {
        self.shape(schema, DEPTH)
    }

    /// A schema with its own members; what they consist of is a link.
    pub(super) fn flat(self, schema: &RefOr<Schema>) -> Shape {
        self.shape(schema, 1)
    }

    /// A schema in a few words.
    pub(super) fn brief(self, schema: &RefOr<Schema>) -> Shape {
        self.shape(schema, 0)
    }

    fn shape(self, schema: &RefOr<Schema>, depth: usize) -> Shape {
        match schema {
            RefOr::T(schema) => self.of(schema, depth),
            RefOr::Ref(reference) => {
                let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                let Some(target) = self.0.schemas.get(name) else { return Shape::default() };
                let mut shape = self.shape(target, depth);
                if self.has_members(target) {
                    shape.kind = link(name);
                }
                if !reference.description.is_empty() {
                    shape.description = with_code(&reference.description);
                }
                shape
            }
        }
    }

    fn of(self, schema: &Schema, depth: usize) -> Shape {
        match schema {
            Schema::Object(object) => self.object(object, depth),
            Schema::Array(array) => self.array(array, depth),
            Schema::OneOf(one_of) => self.one_of(one_of, depth),
            Schema::AllOf(all_of) => self.all_of(all_of, depth),
            // The document has no other kind.
            Schema::AnyOf(_) | _ => Shape::default(),
        }
    }

    fn object(self, object: &Object, depth: usize) -> Shape {
        let mut members = Vec::new();
        for (name, schema) in object.properties.iter().filter(|_| depth > 0) {
            let shape = self.shape(schema, depth - 1);
            members.push(Member { name: name.clone(), is_required: object.required.contains(name), shape });
        }
        // What a caller must send comes first; the rest stays in the order of the document.
        members.sort_by_key(|member| !member.is_required);
        let format = object.format.as_ref().map(text_of).filter(|format| FORMATS.contains(&&**format));
        let mut kind = kind_of(&object.schema_type);
        if let Some(format) = format {
            let _ = write!(kind, " ({format})");
        }
        let closed = object.additional_properties.as_deref();
        Shape {
            kind,
            bounds: bounds_of_object(object, object.description.as_deref().unwrap_or_default()),
            description: description(object.description.as_deref()),
            members: Members { members },
            is_closed: matches!(closed, Some(AdditionalProperties::FreeForm(false))),
        }
    }

    fn array(self, array: &Array, depth: usize) -> Shape {
        let items = match &array.items {
            ArrayItems::RefOrSchema(items) => self.shape(items, depth),
            ArrayItems::False => Shape::default(),
        };
        let mut bounds = Vec::new();
        bounds.extend(span(array.min_items.as_ref(), array.max_items.as_ref(), "items"));
        bounds.extend(array.unique_items.then(|| "no item twice".to_owned()));
        bounds.extend((!items.bounds.is_empty()).then(|| format!("each: {}", items.bounds)));
        Shape {
            kind: format!("array of {}", if items.kind.is_empty() { "values" } else { &*items.kind }),
            bounds: bounds.join(" · "),
            description: description(array.description.as_deref()),
            members: items.members,
            is_closed: false,
        }
    }

    fn one_of(self, one_of: &OneOf, depth: usize) -> Shape {
        let mut shapes: Vec<Shape> = one_of.items.iter().map(|item| self.shape(item, depth)).collect();
        let kinds: Vec<&str> = shapes.iter().map(|shape| &*shape.kind).collect();
        let kind = kinds.join(" or ");
        let bounds: Vec<&str> = shapes.iter().map(|shape| &*shape.bounds).filter(|bounds| !bounds.is_empty()).collect();
        let bounds = bounds.join(" · ");
        let own = description(one_of.description.as_deref());
        let described = if own.is_empty() { shapes.first().map(|shape| shape.description.clone()) } else { Some(own) };
        // Of several objects each has a place of its own.
        let with_members = shapes.iter().filter(|shape| !shape.members.is_empty()).count();
        let members = shapes.iter_mut().find(|shape| with_members == 1 && !shape.members.is_empty());
        let members = members.map(|shape| std::mem::take(&mut shape.members)).unwrap_or_default();
        Shape { kind, bounds, description: described.unwrap_or_default(), members, is_closed: false }
    }

    fn all_of(self, all_of: &AllOf, depth: usize) -> Shape {
        let mut members = Vec::new();
        for item in &all_of.items {
            members.extend(self.shape(item, depth).members.members);
        }
        members.sort_by_key(|member: &Member| !member.is_required);
        Shape {
            kind: "object".to_owned(),
            description: description(all_of.description.as_deref()),
            members: Members { members },
            ..Shape::default()
        }
    }

    /// Whether a schema is an object with members, or several of them.
    fn has_members(self, schema: &RefOr<Schema>) -> bool {
        match schema {
            RefOr::Ref(reference) => {
                let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                self.0.schemas.get(name).is_some_and(|schema| self.has_members(schema))
            }
            RefOr::T(Schema::Object(object)) => !object.properties.is_empty(),
            RefOr::T(Schema::OneOf(one_of)) => one_of.items.iter().any(|item| self.has_members(item)),
            RefOr::T(Schema::AllOf(_)) => true,
            RefOr::T(_) => false,
        }
    }
}

impl Members {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

fn description(text: Option<&str>) -> String {
    with_code(text.unwrap_or_default())
}

fn kind_of(schema_type: &SchemaType) -> String {
    match schema_type {
        SchemaType::Type(of_type) => word(of_type).to_owned(),
        SchemaType::Array(types) => types.iter().map(word).collect::<Vec<_>>().join(" or "),
        SchemaType::AnyValue => "any value".to_owned(),
    }
}

const fn word(of_type: &Type) -> &'static str {
    match of_type {
        Type::Object => "object",
        Type::String => "string",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "boolean",
        Type::Array => "array",
        Type::Null => "null",
    }
}

/// The bounds of a value, without those that its description says.
fn bounds_of_object(object: &Object, said: &str) -> String {
    let mut bounds = Vec::new();
    if let Some(values) = &object.enum_values {
        let values: Vec<String> =
            values.iter().map(|value| format!("<code>{}</code>", escaped(&text_of(value)))).collect();
        bounds.push(match values.len() {
            1 => values.concat(),
            _ => format!("one of {}", values.join(", ")),
        });
    }
    let minimum = object.minimum.as_ref().map(number);
    // JSON has no type for what is not negative, so the document says so of each such number.
    let minimum = minimum.filter(|minimum| object.maximum.is_some() || minimum != "0");
    bounds.extend(span(minimum.as_ref(), object.maximum.as_ref().map(number).as_ref(), ""));
    bounds.extend(span(object.min_length.as_ref(), object.max_length.as_ref(), "characters"));
    // A format says all that its pattern says.
    let pattern = object.pattern.as_ref().filter(|_| object.format.is_none());
    bounds.extend(pattern.map(|pattern| format!("matches <code>{}</code>", escaped(pattern))));
    bounds.extend(object.default.as_ref().map(|value| format!("<code>{}</code> by default", escaped(&text_of(value)))));
    bounds.retain(|bound| !said.contains(&**bound));
    bounds.join(" · ")
}

fn span(from: Option<&impl ToString>, to: Option<&impl ToString>, of: &str) -> Option<String> {
    let said = match (from.map(ToString::to_string), to.map(ToString::to_string)) {
        (Some(from), Some(to)) if from == to => from,
        // The largest number of 64 bits bounds nothing.
        (Some(from), Some(to)) if to.len() < 20 => format!("{from} to {to}"),
        (Some(from), _) => format!("at least {from}"),
        (None, Some(to)) => format!("at most {to}"),
        (None, None) => return None,
    };
    let of = if said.ends_with(" 1") { of.trim_end_matches('s') } else { of };
    Some(format!("{said} {of}").trim_end().to_owned())
}

/// A number as people write it: no fraction that is zero, and a comma after each three digits.
fn number(value: &impl Serialize) -> String {
    let text = text_of(value);
    let text = text.strip_suffix(".0").unwrap_or(&text);
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    if digits.contains('.') {
        return text.to_owned();
    }
    let mut grouped = String::from(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A value of the document in words: a text as it is, anything else as JSON.
fn text_of(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::schema::{ComponentsBuilder, KnownFormat, ObjectBuilder, SchemaFormat};
    use utoipa::openapi::{ArrayBuilder, Ref};

    use super::*;

    fn shape(schema: impl Into<RefOr<Schema>>) -> Shape {
        let point = ObjectBuilder::new().property("x", number_of(0.0, 1_000_000.0)).required("x");
        let name = ObjectBuilder::new().schema_type(Type::String).max_length(Some(9));
        let components = ComponentsBuilder::new().schema("Point", point).schema("Name", name).build();
        Reader(&components).whole(&schema.into())
    }

    fn number_of(min: f64, max: f64) -> ObjectBuilder {
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(min)).maximum(Some(max))
    }

    #[test]
    fn bounds_are_words_and_are_not_said_twice() {
        assert_eq!(shape(number_of(-90.0, 90.0)).bounds, "-90 to 90");
        assert_eq!(shape(number_of(0.001, 1_000_000.0)).bounds, "0.001 to 1,000,000");
        assert_eq!(shape(number_of(-90.0, 90.0).description(Some("North, -90 to 90."))).bounds, "");
        let not_negative = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        assert_eq!(shape(not_negative).bounds, "");
        let time = || ObjectBuilder::new().schema_type(Type::String).pattern(Some("^T$"));
        assert_eq!(shape(time()).bounds, "matches <code>^T$</code>");
        let time = shape(time().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))));
        assert_eq!((&*time.kind, &*time.bounds), ("string (date-time)", ""));
        let values = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["<a>", "b"]));
        assert_eq!(shape(values).bounds, "one of <code>&#60;a&#62;</code>, <code>b</code>");
    }

    #[test]
    fn a_schema_with_members_is_a_link_and_one_without_is_its_type() {
        assert_eq!(shape(Ref::from_schema_name("Point")).kind, "<a href=\"#schema-Point\">Point</a>");
        assert_eq!(shape(Ref::from_schema_name("Name")).kind, "string");
        let points = shape(ArrayBuilder::new().items(Ref::from_schema_name("Point")).min_items(Some(1)));
        assert_eq!(
            (&*points.kind, &*points.bounds),
            ("array of <a href=\"#schema-Point\">Point</a>", "at least 1 item")
        );
        let listed = points.members.to_string();
        assert!(listed.contains("<code>x</code>") && listed.contains("required"), "{listed}");
    }
}
