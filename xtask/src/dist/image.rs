//! The container image: the program alone, as an archive in OCI's layout
//! (OCI Image Format Specification 1.0), written without a daemon.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use serde_json::{Value, json};

use super::{Release, create, stage};
use crate::process;

/// Writes the image.
///
/// # Errors
/// It cannot be written.
pub fn write(release: &Release) -> anyhow::Result<()> {
    let layout = Layout::new(&release.output.join("image"))?;
    let root = release.output.join("image-root");
    create(&root.join("usr/bin"))?;
    let program = "usr/bin/nkview";
    fs::copy(release.tree.join(program), root.join(program)).context("copying the program")?;
    let layer = release.output.join("layer.tar");
    release.tar(&root, &layer)?;
    let diff_id = digest(&layer)?;
    process::run(
        Command::new("gzip")
            .args(["--best", "--no-name"])
            .arg(&layer),
    )?;
    let layer = layer.with_extension("tar.gz");
    let layer_bytes = fs::read(&layer).context("reading the layer")?;
    let layer_blob = layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", &layer_bytes)?;
    let config = layout.json(
        "application/vnd.oci.image.config.v1+json",
        &config(&diff_id),
    )?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": [layer_blob],
    });
    let mut manifest = layout.json("application/vnd.oci.image.manifest.v1+json", &manifest)?;
    manifest["platform"] = json!({"architecture": "amd64", "os": "linux"});
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": release.version});
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    layout.file("index.json", index.to_string().as_bytes())?;
    layout.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let name = format!("nkview-{}-oci.tar", release.version);
    release.tar(&layout.directory, &release.output.join(name))?;
    fs::remove_file(layer).context("removing the layer")?;
    for directory in [&root, &layout.directory] {
        fs::remove_dir_all(directory).context("removing what the image was made from")?;
    }
    Ok(())
}

/// How the image is run; it has a single layer, whose content is `diff_id`.
fn config(diff_id: &str) -> Value {
    json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/bin/nkview"],
            "Env": ["PATH=/usr/bin", "LANG=C.UTF-8"],
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    })
}

/// A directory of blobs, each named by its digest.
struct Layout {
    directory: PathBuf,
}

impl Layout {
    fn new(directory: &Path) -> anyhow::Result<Self> {
        create(&directory.join("blobs/sha256"))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    fn file(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        stage::write(&self.directory.join(name), bytes)
    }

    fn json(&self, media_type: &str, value: &Value) -> anyhow::Result<Value> {
        self.blob(media_type, value.to_string().as_bytes())
    }

    /// Adds a blob; returns its descriptor.
    fn blob(&self, media_type: &str, bytes: &[u8]) -> anyhow::Result<Value> {
        self.file("blob", bytes)?;
        let path = self.directory.join("blob");
        let digest = digest(&path)?;
        let place = self.directory.join("blobs").join(digest.replace(':', "/"));
        fs::rename(path, place).context("naming a blob")?;
        Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
    }
}

/// The digest of a file, as OCI writes it.
fn digest(path: &Path) -> anyhow::Result<String> {
    let sum = process::read(Command::new("sha256sum").arg(path))?;
    let sum = sum
        .split_whitespace()
        .next()
        .context("sha256sum is silent")?;
    Ok(format!("sha256:{sum}"))
}
