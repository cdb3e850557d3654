//! The texts of one request and its answer, in one allocation: ten thousand of them are many.

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    RequestId,
    Client,
    Method,
    Path,
    Query,
    /// Lines of the form `name: value`.
    RequestFields,
    /// The same.
    AnswerFields,
    RequestBody,
    AnswerBody,
}

const PARTS: usize = 9;
/// Room for the texts of most requests, in bytes.
const USUAL_BYTES: usize = 1_536;

/// All of them.
#[derive(Debug)]
pub(crate) struct Texts {
    text: Box<str>,
    ends: [u32; PARTS],
}

/// Writes them, each once, in the order of [`Part`].
#[derive(Debug)]
pub(crate) struct TextsWriter {
    text: String,
    ends: [u32; PARTS],
}

impl TextsWriter {
    pub(crate) fn new() -> Self {
        Self { text: String::with_capacity(USUAL_BYTES), ends: [0; PARTS] }
    }

    /// Writes a part: `write` appends it.
    pub(crate) fn write(&mut self, part: Part, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        // A part that is never written is empty.
        self.ends.iter_mut().skip(part as usize).for_each(|later| *later = end);
    }

    /// What was written so far.
    pub(crate) fn finish(self) -> Texts {
        Texts { text: self.text.into_boxed_str(), ends: self.ends }
    }
}

impl Texts {
    pub(crate) fn get(&self, part: Part) -> &str {
        let place = part as usize;
        let end = |place: usize| self.ends.get(place).map_or(0, |end| *end as usize);
        let start = place.checked_sub(1).map_or(0, end);
        self.text.get(start..end(place)).unwrap_or_default()
    }

    /// How many bytes they have.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_reads_back_and_one_that_was_not_written_is_empty() {
        let mut writer = TextsWriter::new();
        writer.write(Part::RequestId, |out| out.push_str("r-1"));
        writer.write(Part::Path, |out| out.push_str("/zónes"));
        writer.write(Part::AnswerBody, |out| out.push_str("{}"));
        let texts = writer.finish();
        let parts = [Part::RequestId, Part::Client, Part::Method, Part::Path, Part::Query, Part::AnswerBody];
        assert_eq!(parts.map(|part| texts.get(part)), ["r-1", "", "", "/zónes", "", "{}"]);
        assert_eq!(texts.len(), 12);
    }
}
