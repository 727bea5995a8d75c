//! The appearance of the screen, from the options and the environment.

use crate::app::{Appearance, Colors};
use crate::cli::ScreenArgs;
use crate::config::{Background, Characters, Screen};
use crate::text::Units;

#[cfg(test)]
mod tests;

/// The appearance that the options, the configuration and the environment ask
/// for, and whether to query the terminal for its background color: nothing else
/// shows whether it is light, and it has colors.
pub fn appearance(
    args: &ScreenArgs,
    config: Screen,
    variable: impl Fn(&str) -> Option<String>,
) -> (Appearance, bool) {
    let colors = colors(&variable);
    let light = if args.light || args.dark {
        Some(args.light)
    } else if config.background != Background::Auto {
        Some(config.background == Background::Light)
    } else {
        has_light_background(variable("COLORFGBG").as_deref())
    };
    let asks = light.is_none() && matches!(colors, Colors::Indexed | Colors::True);
    let appearance = Appearance {
        ascii: args.ascii
            || match config.characters {
                Characters::Auto => !is_unicode(&variable),
                Characters::Unicode => false,
                Characters::Ascii => true,
            },
        units: if args.bits { Units::Bits } else { config.units },
        colors,
        light: light.unwrap_or(false),
    };
    (appearance, asks)
}

fn colors(variable: impl Fn(&str) -> Option<String>) -> Colors {
    // https://no-color.org: set and not empty.
    if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Colors::None;
    }
    if let Some("truecolor" | "24bit") = variable("COLORTERM").as_deref() {
        return Colors::True;
    }
    match variable("TERM").as_deref() {
        None | Some("dumb" | "") => Colors::None,
        Some(term) if term.contains("direct") => Colors::True,
        Some(term) if term.contains("256color") => Colors::Indexed,
        Some(term) if term.contains("mono") || term.starts_with("vt1") => Colors::None,
        Some(_) => Colors::Ansi,
    }
}

/// rxvt, Konsole and others set `foreground;background` in ANSI's numbers, of
/// which 7 and 9 to 15 are light.
fn has_light_background(colors: Option<&str>) -> Option<bool> {
    let background = colors?.rsplit(';').next()?.parse::<u8>().ok()?;
    Some(matches!(background, 7 | 9..=15))
}

/// Whether graphs and signs can be drawn: the encoding is UTF-8, and it is not the
/// console of Linux, whose fonts have only 256 or 512 signs.
fn is_unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    is_utf8(&variable) && variable("TERM").as_deref() != Some("linux")
}

/// Whether text is encoded as UTF-8: the first of these that is set decides
/// (POSIX, locale(7)). An environment without a locale, as `sudo` leaves it, is
/// taken for a modern one.
pub fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Whether tmux runs between this program and the terminal: it drops what
/// programs copy (OSC 52), unless configured otherwise. `sudo` keeps TERM alone.
pub fn drops_copies(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_tmux = |term: &str| term.starts_with("tmux") || term.starts_with("screen");
    variable("TMUX").is_some() || variable("TERM").as_deref().is_some_and(is_tmux)
}
