//! What the program is made of: a bill of materials (CycloneDX 1.5) and the
//! licenses of all that is linked in.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

use anyhow::Context;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use serde_json::{Value, json};

use super::{Release, TARGET, stage::write as write_file};
use crate::project;

/// What is linked in besides crates.
const C_LIBRARY: &str = "\
The GNU C Library is linked in: LGPL-2.1-or-later, https://www.gnu.org/software/libc/,
from the packages of the machine that built this program. The sources of nkview and
the command `cargo xtask dist` are what is needed to link it with another version.
The standard library of Rust is linked in: MIT OR Apache-2.0, https://www.rust-lang.org.
";

/// Writes the bill of materials next to the packages, and the licenses there and into the tree.
///
/// # Errors
/// cargo does not know the dependencies, or a file cannot be read or written.
pub fn write(release: &Release) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new()
        .current_dir(project::root())
        .other_options(["--locked", "--filter-platform", TARGET].map(String::from))
        .exec()
        .context("reading the dependencies")?;
    let packages = linked(&metadata)?;
    let bill = serde_json::to_vec_pretty(&bill(release, &packages))
        .context("writing the bill of materials")?;
    let name = format!("nkview-{}.cdx.json", release.version);
    write_file(&release.output.join(name), &bill)?;
    let licenses = licenses(&packages)?;
    let tree = release
        .tree
        .join("usr/share/doc/nkview/THIRD-PARTY-LICENSES");
    write_file(&tree, licenses.as_bytes())?;
    write_file(
        &release.output.join("THIRD-PARTY-LICENSES"),
        licenses.as_bytes(),
    )
}

/// The packages that nkview links, without itself, by name and version.
fn linked(metadata: &Metadata) -> anyhow::Result<Vec<&Package>> {
    let resolve = metadata.resolve.as_ref().context("no dependencies")?;
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let root = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "nkview")
        .context("there is no package nkview")?;
    let mut found: BTreeSet<&PackageId> = BTreeSet::from([&root.id]);
    let mut next = vec![&root.id];
    while let Some(id) = next.pop() {
        let node = nodes.get(id).context("an unknown package")?;
        for dependency in &node.deps {
            let mut kinds = dependency.dep_kinds.iter();
            if kinds.any(|kind| kind.kind == DependencyKind::Normal)
                && found.insert(&dependency.pkg)
            {
                next.push(&dependency.pkg);
            }
        }
    }
    let mut packages: Vec<_> = metadata
        .packages
        .iter()
        .filter(|package| found.contains(&package.id) && package.id != root.id)
        .collect();
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(packages)
}

fn bill(release: &Release, packages: &[&Package]) -> Value {
    let components: Vec<_> = packages
        .iter()
        .map(|package| {
            let purl = format!("pkg:cargo/{}@{}", package.name, package.version);
            let mut component = json!({
                "type": "library",
                "bom-ref": purl,
                "name": package.name.as_str(),
                "version": package.version.to_string(),
                "purl": purl,
            });
            if let Some(license) = &package.license {
                // Old manifests have a slash for OR.
                let expression = license.replace('/', " OR ").replace("  ", " ");
                component["licenses"] = json!([{"expression": expression}]);
            }
            component
        })
        .collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "name": "nkview",
            "version": release.version,
            "purl": format!("pkg:cargo/nkview@{}", release.version),
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
        }},
        "components": components,
    })
}

/// The licenses of all packages: what each declares, and the texts that come with it.
fn licenses(packages: &[&Package]) -> anyhow::Result<String> {
    // Many packages have the very same text.
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut list = String::from(C_LIBRARY);
    list.push('\n');
    for package in packages {
        let name = format!("{} {}", package.name, package.version);
        let license = package.license.as_deref().unwrap_or("see its text");
        // Writing to a string cannot fail.
        let _ = writeln!(list, "{name}: {license}");
        let directory = package.manifest_path.parent().context("no directory")?;
        for text in texts_in(directory.as_std_path())? {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    for (text, names) in texts {
        let rule = "-".repeat(78);
        let _ = writeln!(list, "\n{rule}\n{}:\n\n{}", names.join(", "), text.trim());
    }
    Ok(list)
}

/// The texts of licenses in a package's directory.
fn texts_in(directory: &Path) -> anyhow::Result<BTreeSet<String>> {
    let reading = || format!("reading {}", directory.display());
    let mut texts = BTreeSet::new();
    for entry in fs::read_dir(directory).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_uppercase();
        let is_license = ["LICENSE", "LICENCE", "COPYING", "NOTICE"]
            .iter()
            .any(|start| name.starts_with(start));
        if is_license && path.is_file() {
            texts.insert(fs::read_to_string(&path).with_context(reading)?);
        }
    }
    Ok(texts)
}
