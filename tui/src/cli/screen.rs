//! Arguments of the screen: `nkview`, `nkview demo` and `nkview replay`.

use std::num::NonZero;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use super::completion;
use super::probe::{EventArgs, PairArgs, ProbeArgs};
use super::shared::{BaselineArgs, ConfigArgs, RedactArgs};
use super::values::{FilterText, filter, size_or_none, speed};

/// Arguments of `nkview`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Device names or globs (lxc*): a netkit primary is watched through both
    /// netkit hooks, any other device through tcx
    #[arg(value_name = "DEVICE", add = ArgValueCompleter::new(completion::devices))]
    pub devices: Vec<String>,
    /// Appearance.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// What was usual.
    #[command(flatten)]
    pub usual: BaselineArgs,
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// Which packets to capture.
    #[command(flatten)]
    pub events: EventArgs,
    /// Going back in time.
    #[command(flatten)]
    pub history: HistoryArgs,
    /// Dropping packets.
    #[command(flatten)]
    pub blocking: BlockingArgs,
    /// What recordings and bundles are written with.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// The pair to create.
    #[command(flatten)]
    pub pair: PairArgs,
}

/// Arguments of `nkview demo`.
#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Add faults that come and go, which the Problems view then finds
    #[arg(long)]
    pub faults: bool,
    /// How to count.
    #[command(flatten)]
    pub probe: ProbeArgs,
    /// Which packets to capture.
    #[command(flatten)]
    pub events: EventArgs,
    /// Going back in time.
    #[command(flatten)]
    pub history: HistoryArgs,
    /// What recordings and bundles are written with.
    #[command(flatten)]
    pub redact: RedactArgs,
    /// Appearance.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// Dropping packets.
    #[command(flatten)]
    pub blocking: BlockingArgs,
}

/// Arguments of `nkview replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The recording; several, of one host or of several, are put together by their
    /// clocks
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Play it this many times faster
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = speed)]
    pub speed: f64,
    /// Appearance.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Appearance.
#[derive(Debug, Args)]
#[command(next_help_heading = "Screen")]
pub struct ScreenArgs {
    /// Initial display filter, e.g. 10.0.0.0/8 or "fd00::/8 and not port 22"
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "",
        value_parser = filter,
        hide_default_value = true,
        add = ArgValueCompleter::new(completion::filter)
    )]
    pub filter: FilterText,
    /// Apply the filter's prefixes in the kernel; other packets only count as
    /// filtered, and widening the filter does not bring them back
    #[arg(long)]
    pub push_down: bool,
    /// Show rates in bits per second
    #[arg(long)]
    pub bits: bool,
    /// Use only ASCII characters
    #[arg(long)]
    pub ascii: bool,
    /// Use colors for a light background
    #[arg(long, overrides_with = "dark", action = ArgAction::SetTrue)]
    pub light: bool,
    /// Use colors for a dark background
    #[arg(long, overrides_with = "light", action = ArgAction::SetTrue)]
    pub dark: bool,
    /// Bytes per second written to the terminal for automatic updates: on a slow
    /// link they become less frequent; keys are still answered at once
    #[arg(long, value_name = "BYTES")]
    pub max_draw_rate: Option<NonZero<u32>>,
    /// Leave the mouse to the terminal, so that it selects text
    #[arg(long)]
    pub no_mouse: bool,
    /// Keep the final screen in the terminal
    #[arg(long)]
    pub keep_screen: bool,
    /// The user's settings.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// How much is remembered on the screen.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Going back in time")]
pub struct HistoryArgs {
    /// Memory for the last minutes, which the keys [ and ] go back to; 0 for none
    #[arg(long, value_name = "BYTES", default_value = "64Mi", value_parser = size_or_none)]
    pub history: u64,
}

/// Whether packets may be dropped from the screen.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Blocking")]
pub struct BlockingArgs {
    /// Let the key B drop the packets of what is selected, after asking, for a limited
    /// time (see nkview-block(1))
    #[arg(long)]
    pub allow_block: bool,
}
