//! How the screen is to look, from the options and the terminal's own words.

use std::time::Duration;

use terminal_colorsaurus::{QueryOptions, ThemeMode, theme_mode};

use crate::app::units::Units;
use crate::app::{Colours, Look};
use crate::cli::ScreenArgs;
use crate::config::{Background, Characters, Screen};

#[cfg(test)]
mod tests;

/// How long the terminal has to tell its background. One that never does is
/// known at once in most cases: it answers the question after this one.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the user asked for and prefers, and what the environment tells of the terminal;
/// `ask` asks the terminal itself whether its background is light.
pub fn look(
    args: &ScreenArgs,
    config: Screen,
    variable: impl Fn(&str) -> Option<String>,
    ask: impl FnOnce() -> Option<bool>,
) -> Look {
    let colours = colours(&variable);
    let light = if args.light || args.dark {
        args.light
    } else if config.background != Background::Auto {
        config.background == Background::Light
    } else if let Some(light) = has_light_background(variable("COLORFGBG").as_deref()) {
        light
    } else {
        matches!(colours, Colours::Indexed | Colours::True) && ask().unwrap_or(false)
    };
    Look {
        ascii: args.ascii
            || match config.characters {
                Characters::Auto => !is_unicode(&variable),
                Characters::Unicode => false,
                Characters::Ascii => true,
            },
        units: if args.bits { Units::Bits } else { config.units },
        colours,
        light,
    }
}

/// Asks the terminal for its colours (OSC 10 and 11) and whether that makes
/// dark text on a light background.
pub fn ask_background() -> Option<bool> {
    let mut options = QueryOptions::default();
    options.timeout = PATIENCE;
    match theme_mode(options) {
        Ok(mode) => Some(mode == ThemeMode::Light),
        Err(_) => None,
    }
}

fn colours(variable: impl Fn(&str) -> Option<String>) -> Colours {
    // https://no-color.org: set and not empty.
    if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Colours::None;
    }
    if let Some("truecolor" | "24bit") = variable("COLORTERM").as_deref() {
        return Colours::True;
    }
    match variable("TERM").as_deref() {
        None | Some("dumb" | "") => Colours::None,
        Some(term) if term.contains("direct") => Colours::True,
        Some(term) if term.contains("256color") => Colours::Indexed,
        Some(term) if term.contains("mono") || term.starts_with("vt1") => Colours::None,
        Some(_) => Colours::Ansi,
    }
}

/// rxvt, Konsole and others say `foreground;background` in ANSI's numbers, of
/// which 7 and 9 to 15 are light.
fn has_light_background(colours: Option<&str>) -> Option<bool> {
    let background = colours?.rsplit(';').next()?.parse::<u8>().ok()?;
    Some(matches!(background, 7 | 9..=15))
}

/// Whether text is encoded as UTF-8: the first of these that is set decides
/// (POSIX, locale(7)). A terminal without a locale, as `sudo` leaves it, is
/// taken for a modern one.
fn is_unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let is_linux_console = variable("TERM").as_deref() == Some("linux");
    match locale {
        Some(locale) => {
            let locale = locale.to_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        None => !is_linux_console,
    }
}
