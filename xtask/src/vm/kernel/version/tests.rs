use super::newest;

fn of(series: &str, names: &[&str]) -> Option<Vec<String>> {
    let names: Vec<_> = names.iter().map(|&name| name.into()).collect();
    newest(series, &names)
}

#[test]
fn numbers_are_compared_as_numbers() {
    let names = [
        "linux-image-6.12.95+deb13-cloud-amd64",
        "linux-image-6.12.118+deb13-cloud-amd64",
        "linux-image-6.12.115+deb13.1-cloud-amd64",
    ];
    let newest = ["linux-image-6.12.118+deb13-cloud-amd64".into()];
    assert_eq!(of("6.12", &names).as_deref(), Some(&newest[..]));
    let names = [
        "linux-image-6.12.90+deb13.1-cloud-amd64",
        "linux-image-6.12.90+deb13-cloud-amd64",
    ];
    let newest = ["linux-image-6.12.90+deb13.1-cloud-amd64".into()];
    assert_eq!(of("6.12", &names).as_deref(), Some(&newest[..]));
}

#[test]
fn only_the_series_itself_and_its_cloud_kernels_count() {
    let names = [
        "linux-image-6.1-cloud-amd64",
        "linux-image-6.1.0-9-cloud-amd64",
        "linux-image-6.1.0-56-cloud-amd64",
        "linux-image-6.1.0-57-amd64",
        "linux-image-6.1.0-58-cloud-amd64-unsigned",
        "linux-image-6.1.0-59-cloud-amd64-dbg",
        "linux-image-6.12.118+deb13-cloud-amd64",
        "linux-headers-6.1.0-60-cloud-amd64",
    ];
    let newest = ["linux-image-6.1.0-56-cloud-amd64".into()];
    assert_eq!(of("6.1", &names).as_deref(), Some(&newest[..]));
    assert_eq!(of("6.18", &names), None);
}

#[test]
fn a_kernel_in_parts_is_fetched_in_parts() {
    let names = [
        "linux-image-7.3.4+deb13-cloud-amd64",
        "linux-binary-7.3.4+deb13-cloud-amd64",
        "linux-binary-unsigned-7.3.5+deb13-cloud-amd64",
        "linux-modules-7.3.4+deb13-cloud-amd64",
    ];
    let newest = [
        "linux-base-7.3.4+deb13-cloud-amd64".into(),
        "linux-binary-7.3.4+deb13-cloud-amd64".into(),
        "linux-modules-7.3.4+deb13-cloud-amd64".into(),
    ];
    assert_eq!(of("7.3", &names).as_deref(), Some(&newest[..]));
}
