//! Pages as a file: PDF/A-2b, so that it can be kept, with the letters that it uses. The
//! same document makes the same bytes.

use bytes::Bytes;
use galen_kernel::Problem;
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::{Document as File, SerializeSettings};

use super::document::Document;
use super::font::Fonts;
use super::layout::{HEIGHT, Mark, Shade, Sheet, WIDTH, lay_out};

/// Why a document cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("a document cannot be printed: {0}")]
pub struct PrintError(String);

impl From<PrintError> for Problem {
    fn from(error: PrintError) -> Self {
        Self::internal(error)
    }
}

fn broken(why: impl std::fmt::Debug) -> PrintError {
    PrintError(format!("{why:?}"))
}

/// Writes a document, beside what else is to be done: it may be many pages.
///
/// # Errors
/// When the file would break the standard.
pub async fn print(document: Document) -> Result<Bytes, Problem> {
    let written = tokio::task::spawn_blocking(move || write(&document)).await;
    Ok(written.map_err(Problem::internal)??.into())
}

/// Writes a document.
///
/// # Errors
/// When the file would break the standard.
pub fn write(document: &Document) -> Result<Vec<u8>, PrintError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_B)
        .finish()
        .map_err(broken)?;
    let mut file = File::new_with(SerializeSettings {
        configuration,
        ..SerializeSettings::default()
    });
    file.set_metadata(metadata(document));
    let fonts = Fonts::load();
    let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| broken("no size"))?;
    for sheet in lay_out(document, &fonts) {
        let mut page = file.start_page_with(size.clone());
        let mut surface = page.surface();
        draw(&mut surface, &fonts, &sheet);
        surface.finish();
        page.finish();
    }
    file.finish().map_err(broken)
}

fn metadata(document: &Document) -> Metadata {
    let metadata = Metadata::new()
        .title(document.title.clone())
        .authors(vec![document.from.name.clone()])
        .creator("Galen".to_owned())
        .language("en".to_owned());
    let Some(day) = document.dated else {
        return metadata;
    };
    let part = |number: i8| number.unsigned_abs();
    let date = DateTime::new(day.year().unsigned_abs())
        .month(part(day.month()))
        .day(part(day.day()))
        .hour(0)
        .minute(0)
        .second(0)
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    metadata.creation_date(date)
}

fn draw(surface: &mut Surface<'_>, fonts: &Fonts, sheet: &Sheet) {
    for mark in &sheet.marks {
        match mark {
            Mark::Text { x, y, style, text } => {
                surface.set_stroke(None);
                surface.set_fill(Some(Fill {
                    paint: colour(style.shade).into(),
                    ..Fill::default()
                }));
                let text = fonts.drawable(style.face, text);
                let glyphs = fonts.shape(style.face, &text);
                surface.draw_glyphs(
                    Point::from_xy(*x, *y),
                    &glyphs,
                    fonts.font(style.face),
                    &text,
                    style.size,
                    false,
                );
            }
            Mark::Rule { from, to, y, shade } => {
                surface.set_fill(None);
                surface.set_stroke(Some(Stroke {
                    paint: colour(*shade).into(),
                    width: 0.6,
                    ..Stroke::default()
                }));
                let mut path = PathBuilder::new();
                path.move_to(*from, *y);
                path.line_to(*to, *y);
                if let Some(path) = path.finish() {
                    surface.draw_path(&path);
                }
            }
        }
    }
}

fn colour(shade: Shade) -> rgb::Color {
    let level = match shade {
        Shade::Black => 20,
        Shade::Grey => 95,
        Shade::Light => 205,
    };
    rgb::Color::new(level, level, level)
}
