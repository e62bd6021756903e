//! XML of strangers, as a small tree. Pure.
//!
//! Nothing is fetched and nothing is expanded: a document type declaration is refused,
//! and with it every entity but the five of XML itself. Size, depth and number of
//! elements are bounded before anything is built from them.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Elements within elements.
const DEEPEST: usize = 32;
/// Elements of a document.
const MOST: usize = 200_000;

/// Why bytes are not a document that is read here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not UTF-8, or it says of itself that it is not.
    #[error("must be in UTF-8")]
    NotUtf8,
    /// `<!DOCTYPE`.
    #[error("must not have a document type declaration")]
    HasDocType,
    /// Something like `&name;`.
    #[error("must not use entities other than those of XML itself")]
    HasEntity,
    /// A character that XML does not know.
    #[error("holds a character that XML does not allow")]
    IllegalCharacter,
    /// Too deep, or too many elements.
    #[error("has too many elements, or too deep ones")]
    TooLarge,
    /// Tags that do not fit, or an end in the middle.
    #[error("is not well-formed XML, around byte {0}")]
    Malformed(u64),
}

/// An element: its name without prefix, its attributes, what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// The local name.
    pub name: String,
    /// Names as they are written, with prefixes.
    pub attributes: Vec<(String, String)>,
    /// All characters directly in it, without blanks around.
    pub text: String,
    /// In their order.
    pub children: Vec<Element>,
}

impl Element {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads a document.
///
/// # Errors
/// [`XmlError`].
pub fn read(bytes: &[u8]) -> Result<Element, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.chars().all(is_legal) {
        return Err(XmlError::IllegalCharacter);
    }
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        let event = reader
            .read_event()
            .map_err(|_| XmlError::Malformed(reader.buffer_position()))?;
        let malformed = XmlError::Malformed(reader.buffer_position());
        match event {
            Event::Start(tag) => {
                elements += 1;
                if open.len() == DEEPEST || elements > MOST {
                    return Err(XmlError::TooLarge);
                }
                if root.is_some() {
                    return Err(malformed);
                }
                open.push(element(&tag, malformed)?);
            }
            Event::Empty(tag) => {
                elements += 1;
                if elements > MOST {
                    return Err(XmlError::TooLarge);
                }
                let empty = element(&tag, malformed.clone())?;
                close(&mut open, &mut root, empty, malformed)?;
            }
            Event::End(_) => {
                let Some(mut ended) = open.pop() else {
                    return Err(malformed);
                };
                ended.text.truncate(ended.text.trim_end().len());
                let blank = ended.text.len() - ended.text.trim_start().len();
                ended.text.drain(..blank);
                close(&mut open, &mut root, ended, malformed)?;
            }
            Event::Text(text) => add(&mut open, &text, malformed)?,
            Event::CData(text) => add(&mut open, &text, malformed)?,
            Event::GeneralRef(reference) => {
                let character = resolve(&reference)?;
                let mut buffer = [0; 4];
                add(&mut open, character.encode_utf8(&mut buffer), malformed)?;
            }
            Event::Decl(declaration) => match declaration.encoding() {
                None => {}
                Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => {}
                Some(_) => return Err(XmlError::NotUtf8),
            },
            Event::DocType(_) => return Err(XmlError::HasDocType),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof if open.is_empty() => return root.ok_or(malformed),
            Event::Eof => return Err(malformed),
        }
    }
}

/// XML 1.0, 2.2.
const fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) if is_legal(character) => return Ok(character),
        Ok(Some(_)) | Err(_) => return Err(XmlError::IllegalCharacter),
        Ok(None) => {}
    }
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(XmlError::HasEntity),
    }
}

fn element(tag: &BytesStart<'_>, malformed: XmlError) -> Result<Element, XmlError> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| malformed.clone())?;
        let value =
            quick_xml::escape::unescape(&attribute.value).map_err(|_| XmlError::HasEntity)?;
        if !value.chars().all(is_legal) {
            return Err(XmlError::IllegalCharacter);
        }
        attributes.push((attribute.key.0.to_owned(), value.into_owned()));
    }
    Ok(Element {
        name: tag.local_name().into_inner().to_owned(),
        attributes,
        ..Element::default()
    })
}

fn add(open: &mut [Element], text: &str, malformed: XmlError) -> Result<(), XmlError> {
    match open.last_mut() {
        Some(inner) => inner.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(malformed),
    }
    Ok(())
}

fn close(
    open: &mut [Element],
    root: &mut Option<Element>,
    ended: Element,
    malformed: XmlError,
) -> Result<(), XmlError> {
    match (open.last_mut(), &root) {
        (Some(outer), _) => outer.children.push(ended),
        (None, None) => *root = Some(ended),
        (None, Some(_)) => return Err(malformed),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_texts_and_attributes_are_read() {
        let read = read("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- x --><n:a xmlns:n='u'> <b c=\"1 &amp; 2\"> x&#233;&lt;<![CDATA[<y>]]> </b><d/></n:a>\n".as_bytes())
            .unwrap();
        assert_eq!(read.name, "a");
        assert_eq!(read.attribute("xmlns:n"), Some("u"));
        assert_eq!(read.children[0].text, "xé<<y>");
        assert_eq!(read.children[0].attribute("c"), Some("1 & 2"));
        assert_eq!(read.children[1].name, "d");
    }

    #[test]
    fn nothing_is_expanded() {
        let laughs = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]><a>&lol2;</a>";
        assert_eq!(read(laughs.as_bytes()), Err(XmlError::HasDocType));
        let outside = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>";
        assert_eq!(read(outside.as_bytes()), Err(XmlError::HasDocType));
        assert_eq!(read(b"<a>&x;</a>"), Err(XmlError::HasEntity));
        assert_eq!(read(b"<a b='&x;'/>"), Err(XmlError::HasEntity));
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in [
            "",
            " ",
            "x",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a><b></a></b>",
            "<a/>x",
            "<a b=1/>",
            "<a b='1' b='2'/>",
            "<a",
            "<a>&",
            "{}",
        ] {
            assert!(
                matches!(read(text.as_bytes()), Err(XmlError::Malformed(_))),
                "{text:?} {:?}",
                read(text.as_bytes())
            );
        }
        assert_eq!(read(b"<a>\xff</a>"), Err(XmlError::NotUtf8));
        assert_eq!(
            read(b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>"),
            Err(XmlError::NotUtf8)
        );
        for text in [
            "<a>\0</a>",
            "<a>&#0;</a>",
            "<a>&#x1;</a>",
            "<a>&#xffff;</a>",
            "<a>\u{1}</a>",
        ] {
            assert_eq!(
                read(text.as_bytes()),
                Err(XmlError::IllegalCharacter),
                "{text:?}"
            );
        }
    }

    #[test]
    fn neither_depth_nor_number_is_endless() {
        assert_eq!(
            read("<a>".repeat(100_000).as_bytes()),
            Err(XmlError::TooLarge)
        );
        let wide = format!("<a>{}</a>", "<b/>".repeat(MOST));
        assert_eq!(read(wide.as_bytes()), Err(XmlError::TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_text_of_xml_characters_panics(text in "[<>/a-c&;#!?='\" x0-9\\[\\]-]{0,80}") {
            let _ = read(text.as_bytes());
        }
    }
}
