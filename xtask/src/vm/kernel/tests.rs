use super::{loading_order, module_name};

const DEPENDENCIES: &str = "\
kernel/fs/fuse/virtiofs.ko.xz: kernel/fs/fuse/fuse.ko.xz kernel/drivers/virtio/virtio.ko.xz
kernel/fs/fuse/fuse.ko.xz:
kernel/drivers/virtio/virtio.ko.xz:
kernel/drivers/char/virtio_console.ko.xz: kernel/drivers/virtio/virtio.ko.xz
kernel/fs/overlayfs/overlay.ko.xz:
";
const BUILTIN: &str = "kernel/drivers/virtio/virtio_pci.ko\n";

#[test]
fn a_module_comes_once_and_after_what_it_needs() {
    let names = ["virtio_pci", "virtio_console", "virtiofs", "overlay"];
    let order = loading_order(&names, DEPENDENCIES, BUILTIN).unwrap();
    assert_eq!(
        order,
        [
            "kernel/drivers/virtio/virtio.ko.xz",
            "kernel/drivers/char/virtio_console.ko.xz",
            "kernel/fs/fuse/fuse.ko.xz",
            "kernel/fs/fuse/virtiofs.ko.xz",
            "kernel/fs/overlayfs/overlay.ko.xz",
        ]
    );
}

#[test]
fn a_module_that_is_nowhere_is_an_error() {
    let error = loading_order(&["netkit"], DEPENDENCIES, BUILTIN).unwrap_err();
    assert_eq!(error.to_string(), "the kernel has no module netkit");
}

#[test]
fn a_module_is_named_as_the_kernel_names_it() {
    assert_eq!(module_name("kernel/fs/a-b.ko.xz"), "a_b");
    assert_eq!(module_name("c.ko"), "c");
}
