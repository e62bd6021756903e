//! Where bundles come from: a bundle, or NDJSON with one a line, plain or gzipped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Opens a file as a stream of bundles. A file that is one (possibly pretty-printed)
/// bundle is one item; anything else is read line by line, so that a large import
/// is never in memory as a whole.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn open(
    path: &Path,
) -> io::Result<Box<dyn Iterator<Item = io::Result<Vec<u8>>> + Send>> {
    let mut file = BufReader::new(File::open(path)?);
    let gzipped = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read + Send> = if gzipped {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut reader = BufReader::with_capacity(1 << 16, plain);
    let mut first = Vec::new();
    reader.read_until(b'\n', &mut first)?;
    if serde_json::from_slice::<serde::de::IgnoredAny>(&first).is_ok() {
        let rest = reader
            .split(b'\n')
            .filter(|line| line.as_ref().map_or(true, |line| !line.is_empty()));
        return Ok(Box::new(std::iter::once(Ok(first)).chain(rest)));
    }
    reader.read_to_end(&mut first)?;
    Ok(Box::new(std::iter::once(Ok(first))))
}

/// How many bundles a file holds, for the progress display.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn count(path: &Path) -> io::Result<u64> {
    let mut bundles = 0;
    for bundle in open(path)? {
        bundle?;
        bundles += 1;
    }
    Ok(bundles)
}
