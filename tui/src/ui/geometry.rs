//! Where things stand on the screen: what the mouse is tested against.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use crate::app::action::Action;
use crate::app::columns::Column;
use crate::app::list::Extent;
use crate::flow::Span;

/// Rows that one turn of the wheel scrolls.
const WHEEL: i32 = 3;

/// What a frame has drawn where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Geometry {
    /// Later zones lie above earlier ones; one without an action hides those
    /// below it.
    zones: Vec<(Rect, Option<Action>)>,
    /// How much of the view was visible.
    pub extent: Extent,
    /// How much of the detail below it was visible.
    pub detail: Extent,
    /// The finest span of the graphs.
    pub graph: Option<Span>,
    /// The columns of the flow table that had room, where it was drawn.
    pub columns: Option<Vec<Column>>,
}

impl Geometry {
    /// A click in this area does this.
    pub fn zone(&mut self, area: Rect, action: Action) {
        self.zones.push((area, Some(action)));
    }

    /// What was drawn in this area until now cannot be clicked any more:
    /// something lies over it.
    pub fn cover(&mut self, area: Rect) {
        self.zones.push((area, None));
    }

    /// What the application must know of the frame.
    #[must_use]
    pub fn feedback(&self) -> Vec<Action> {
        let mut actions = vec![
            Action::Drawn(self.extent),
            Action::DetailDrawn(self.detail),
            Action::GraphDrawn(self.graph),
        ];
        actions.extend(self.columns.clone().map(Action::ColumnsDrawn));
        actions
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
                    .and_then(|(_, action)| action.clone())
            }
            _ => None,
        }
    }
}
