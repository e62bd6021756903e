//! The letters: two faces of DejaVu, which travel with the program.
//!
//! Texts are shaped before they are measured and drawn, so that both agree, and so that
//! what is written from the right, or joined, looks as it should.

use std::ops::Range;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::ttf_parser::Tag;
use rustybuzz::{Direction, Feature, UnicodeBuffer};
use unicode_bidi::BidiInfo;

use super::layout::{Face, Measure};

const REGULAR: &[u8] = include_bytes!("../../assets/fonts/DejaVuSansCondensed.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/fonts/DejaVuSansCondensed-Bold.ttf");

/// Stands for a letter that the faces do not have.
const UNKNOWN: char = '\u{fffd}';

/// One face: for shaping, and for the document that it is embedded in.
struct Cut {
    shapes: rustybuzz::Face<'static>,
    font: Font,
    units: f32,
}

impl Cut {
    fn read(data: &'static [u8]) -> Option<Self> {
        let shapes = rustybuzz::Face::from_slice(data, 0)?;
        let font = Font::new(data.into(), 0)?;
        let units = font.units_per_em();
        Some(Self {
            shapes,
            font,
            units,
        })
    }
}

/// Both faces.
pub struct Fonts {
    regular: Cut,
    bold: Cut,
}

impl Fonts {
    /// Reads them.
    ///
    /// # Panics
    /// Never: they are part of the program.
    #[must_use]
    pub fn load() -> Self {
        Self {
            regular: Cut::read(REGULAR).expect("the embedded face is a font"),
            bold: Cut::read(BOLD).expect("the embedded face is a font"),
        }
    }

    const fn cut(&self, face: Face) -> &Cut {
        match face {
            Face::Regular => &self.regular,
            Face::Bold => &self.bold,
        }
    }

    /// A face as documents embed it.
    #[must_use]
    pub fn font(&self, face: Face) -> Font {
        self.cut(face).font.clone()
    }

    /// A text with nothing in it that cannot be drawn.
    #[must_use]
    pub fn drawable(&self, face: Face, text: &str) -> String {
        let shapes = &self.cut(face).shapes;
        let letter = |c: char| match c {
            c if c.is_control() => ' ',
            c if shapes.glyph_index(c).is_some() => c,
            _ => UNKNOWN,
        };
        text.chars().map(letter).collect()
    }

    /// The glyphs of a drawable text from left to right, in parts of its size.
    #[must_use]
    pub fn shape(&self, face: Face, text: &str) -> Vec<KrillaGlyph> {
        let cut = self.cut(face);
        let bidi = BidiInfo::new(text, None);
        let mut glyphs = Vec::new();
        for paragraph in &bidi.paragraphs {
            let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
            for run in runs {
                let direction = if levels[run.start].is_rtl() {
                    Direction::RightToLeft
                } else {
                    Direction::LeftToRight
                };
                glyphs.extend(cut.run(text, run, direction));
            }
        }
        glyphs
    }
}

impl Cut {
    fn run(&self, text: &str, run: Range<usize>, direction: Direction) -> Vec<KrillaGlyph> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(&text[run.clone()]);
        buffer.set_direction(direction);
        buffer.guess_segment_properties();
        // One glyph for several letters is hard to search for.
        let apart = Feature::new(Tag::from_bytes(b"liga"), 0, ..);
        let shaped = rustybuzz::shape(&self.shapes, &[apart], buffer);
        let mut starts: Vec<usize> = shaped
            .glyph_infos()
            .iter()
            .map(|i| i.cluster as usize)
            .collect();
        starts.sort_unstable();
        let part = |units: i32| units as f32 / self.units;
        shaped
            .glyph_infos()
            .iter()
            .zip(shaped.glyph_positions())
            .map(|(info, position)| {
                let start = info.cluster as usize;
                let next = starts.iter().find(|other| start < **other);
                let end = next.map_or(run.end, |next| run.start + next);
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    part(position.x_advance),
                    part(position.x_offset),
                    part(position.y_offset),
                    part(position.y_advance),
                    run.start + start..end,
                    None,
                )
            })
            .collect()
    }
}

impl Measure for Fonts {
    fn width(&self, face: Face, size: f32, text: &str) -> f32 {
        let glyphs = self.shape(face, &self.drawable(face, text));
        glyphs.iter().map(|glyph| glyph.x_advance).sum::<f32>() * size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_places_can_be_drawn() {
        let fonts = Fonts::load();
        for face in [Face::Regular, Face::Bold] {
            for name in [
                "Şükrü Öztürk",
                "Łukasz Żółć",
                "Nguyễn Thị Hồng",
                "Αγγελική Παπαδοπούλου",
                "Дмитрий Щукин",
                "محمد العربي",
                "Þórður Ðóra — №1 €",
                "\u{fffd}",
            ] {
                assert_eq!(fonts.drawable(face, name), name);
            }
            assert_eq!(fonts.drawable(face, "王\tA"), "\u{fffd} A");
        }
    }

    #[test]
    fn every_letter_belongs_to_a_glyph() {
        let fonts = Fonts::load();
        for text in ["Office fi 12.50", "Ali محمد 42 B", "شادي"] {
            let glyphs = fonts.shape(Face::Regular, text);
            for (at, letter) in text.char_indices() {
                let covered = glyphs.iter().any(|glyph| glyph.text_range.contains(&at));
                assert!(covered, "{letter} of {text}");
            }
            assert!(fonts.width(Face::Regular, 10.0, text) > 0.0);
        }
    }

    #[test]
    fn what_is_written_from_the_right_is_turned_and_numbers_in_it_are_not() {
        let fonts = Fonts::load();
        let text = "محمد 42";
        let order: Vec<usize> = fonts
            .shape(Face::Regular, text)
            .iter()
            .map(|glyph| glyph.text_range.start)
            .collect();
        let digits = text.find("42").expect("digits");
        assert_eq!(
            &order[..2],
            [digits, digits + 1],
            "digits stand on the left"
        );
        assert!(order[2..].windows(2).all(|pair| pair[1] < pair[0]));
    }

    #[test]
    fn digits_are_equally_wide_so_that_columns_line_up() {
        let fonts = Fonts::load();
        let width = |digit: char| fonts.width(Face::Regular, 9.0, &digit.to_string());
        assert!(
            "023456789"
                .chars()
                .all(|digit| (width(digit) - width('1')).abs() < 1e-4)
        );
    }
}
