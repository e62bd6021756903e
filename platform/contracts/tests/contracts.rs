//! The committed code under `src/generated` is what `proto/` says.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;

fn proto_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto")
}

fn proto_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("proto/ is readable") {
        let path = entry.expect("proto/ is readable").path();
        if path.is_dir() {
            proto_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
}

/// With `GALEN_REGENERATE=1` writes the code; otherwise fails when it differs.
#[test]
fn generated_code_matches_the_protos() {
    let root = proto_root();
    let mut files = Vec::new();
    proto_files(&root, &mut files);
    files.sort();
    let mut descriptors = protox::compile(&files, [&root]).unwrap_or_else(|e| panic!("{e:?}"));
    let out = tempfile::tempdir().expect("a temporary directory");
    tonic_prost_build::configure()
        .out_dir(out.path())
        .compile_fds(descriptors.clone())
        .expect("the protos compile");
    // Comments are for people reading the protos, not for the binary.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    fs::write(
        out.path().join("descriptors.bin"),
        descriptors.encode_to_vec(),
    )
    .expect("writable");

    let generated = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated");
    let regenerate = std::env::var_os("GALEN_REGENERATE").is_some();
    for entry in fs::read_dir(out.path()).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a file has a name").to_owned();
        let fresh = fs::read(&path).expect("readable");
        let committed = generated.join(&name);
        if regenerate {
            fs::write(&committed, &fresh).expect("writable");
        }
        let same = fs::read(&committed).is_ok_and(|old| old == fresh);
        assert!(
            same,
            "{} is stale; run with GALEN_REGENERATE=1",
            committed.display()
        );
    }
}
