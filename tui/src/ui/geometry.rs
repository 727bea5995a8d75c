//! Where things stand on the screen: what the mouse is tested against.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use crate::app::action::Action;
use crate::app::columns::Column;
use crate::app::list::Extent;

/// Rows that one turn of the wheel scrolls.
const WHEEL: i32 = 3;

/// What a frame has drawn where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Geometry {
    zones: Vec<(Rect, Action)>,
    /// How much of the view was visible.
    pub extent: Extent,
    /// How much of the detail below it was visible.
    pub detail: Extent,
    /// The columns of the flow table that had room, where it was drawn.
    pub columns: Option<Vec<Column>>,
}

impl Geometry {
    /// A click in this area does this. Later zones lie above earlier ones.
    pub fn zone(&mut self, area: Rect, action: Action) {
        self.zones.push((area, action));
    }

    /// Nothing that was drawn until now can be clicked any more: something
    /// lies over it.
    pub fn cover(&mut self) {
        self.zones.clear();
    }

    /// What the application is to be told of the frame.
    #[must_use]
    pub fn told(&self) -> Vec<Action> {
        let mut told = vec![Action::Drawn(self.extent), Action::DetailDrawn(self.detail)];
        told.extend(self.columns.clone().map(Action::ColumnsDrawn));
        told
    }

    /// What a mouse event does.
    #[must_use]
    pub fn action(&self, event: MouseEvent) -> Option<Action> {
        match event.kind {
            MouseEventKind::ScrollUp => Some(Action::Scroll(-WHEEL)),
            MouseEventKind::ScrollDown => Some(Action::Scroll(WHEEL)),
            MouseEventKind::Down(MouseButton::Left) => {
                let position = Position::new(event.column, event.row);
                let mut above = self.zones.iter().rev();
                above
                    .find(|(area, _)| area.contains(position))
                    .map(|(_, action)| action.clone())
            }
            _ => None,
        }
    }
}
