//! Which of the packages is the newest kernel of a series.

/// Of the flavours of Debian's kernels that for virtual machines, the smallest.
const FLAVOUR: &str = "-cloud-amd64";

/// The packages that have the newest kernel of a series, such as 6.12, among
/// the names of packages.
///
/// Until 6.19 a kernel was in `linux-image-RELEASE`; since then that only
/// depends on `linux-base-RELEASE`, `linux-binary-RELEASE` and
/// `linux-modules-RELEASE`.
pub fn newest(series: &str, names: &[String]) -> Option<Vec<String>> {
    let releases = |prefix| {
        names.iter().filter_map(move |name| {
            let release = name.strip_prefix(prefix)?;
            let rest = release.strip_prefix(series)?;
            (rest.starts_with('.') && release.ends_with(FLAVOUR)).then_some(release)
        })
    };
    let of = |prefix| releases(prefix).max_by_key(|release| numbers(release));
    if let Some(release) = of("linux-binary-") {
        return Some(
            ["base", "binary", "modules"]
                .map(|part| format!("linux-{part}-{release}"))
                .into(),
        );
    }
    of("linux-image-").map(|release| vec![format!("linux-image-{release}")])
}

/// The numbers in a release, which order the releases of a series.
fn numbers(release: &str) -> Vec<u64> {
    release
        .trim_end_matches(FLAVOUR)
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests;
