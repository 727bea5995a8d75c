//! A line of text that is being typed.

#[cfg(test)]
mod tests;

/// A change of the line that is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Insert a character.
    Insert(char),
    /// Delete the character before the cursor.
    Backspace,
    /// Delete the character under the cursor.
    Delete,
    /// Delete the word before the cursor.
    DeleteWord,
    /// Delete all before the cursor.
    DeleteToStart,
    /// Delete all from the cursor on.
    DeleteToEnd,
    /// Move one character to the left.
    Left,
    /// Move one character to the right.
    Right,
    /// Move to the start.
    Start,
    /// Move to the end.
    End,
    /// Take up the filter that was kept before.
    Earlier,
    /// Take up the filter that was kept after.
    Later,
    /// Complete the word before the cursor; again: with the next proposal.
    Complete,
}

/// Text and a cursor, both in characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    cursor: usize,
}

/// Longer input than this is cut: it was not typed, and a paste may hold a file.
const LENGTH: usize = 1000;

impl Line {
    /// A line with the cursor at its end.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let cursor = text.chars().count();
        Self { text, cursor }
    }

    /// What has been typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Characters before the cursor.
    #[must_use]
    pub const fn cursor(&self) -> usize {
        self.cursor
    }

    /// Changes the line; returns whether the text is another one now. What
    /// needs more than the line (history, completion) changes nothing.
    pub fn edit(&mut self, edit: Edit) -> bool {
        let length = self.text.chars().count();
        let (from, to) = match edit {
            Edit::Insert(character) => return self.insert(character.encode_utf8(&mut [0; 4])),
            Edit::Backspace => (self.cursor.saturating_sub(1), self.cursor),
            Edit::Delete => (self.cursor, self.cursor + 1),
            Edit::DeleteWord => (self.word_start(), self.cursor),
            Edit::DeleteToStart => (0, self.cursor),
            Edit::DeleteToEnd => (self.cursor, length),
            Edit::Left => {
                self.cursor = self.cursor.saturating_sub(1);
                return false;
            }
            Edit::Right => {
                self.cursor = (self.cursor + 1).min(length);
                return false;
            }
            Edit::Start => {
                self.cursor = 0;
                return false;
            }
            Edit::End => {
                self.cursor = length;
                return false;
            }
            Edit::Earlier | Edit::Later | Edit::Complete => return false,
        };
        self.remove(from, to.min(length))
    }

    /// Inserts text at the cursor, line ends and tabs as spaces and other
    /// control characters not at all; returns whether anything was inserted.
    pub fn insert(&mut self, text: &str) -> bool {
        let room = LENGTH.saturating_sub(self.text.chars().count());
        let text: String = text
            .chars()
            .map(|c| {
                if matches!(c, '\n' | '\r' | '\t') {
                    ' '
                } else {
                    c
                }
            })
            .filter(|c| !c.is_control())
            .take(room)
            .collect();
        self.text.insert_str(self.byte(self.cursor), &text);
        self.cursor += text.chars().count();
        !text.is_empty()
    }

    /// Appends text after the end; the cursor stays.
    pub fn append(&mut self, text: impl Iterator<Item = char>) {
        self.text.extend(text);
    }

    fn remove(&mut self, from: usize, to: usize) -> bool {
        if from >= to {
            return false;
        }
        self.text.replace_range(self.byte(from)..self.byte(to), "");
        self.cursor = from;
        true
    }

    fn word_start(&self) -> usize {
        let before: Vec<char> = self.text.chars().take(self.cursor).collect();
        let word = before.iter().rposition(|c| !c.is_whitespace());
        word.and_then(|end| before[..end].iter().rposition(|c| c.is_whitespace()))
            .map_or(0, |space| space + 1)
    }

    fn byte(&self, character: usize) -> usize {
        self.text
            .char_indices()
            .nth(character)
            .map_or(self.text.len(), |(byte, _)| byte)
    }
}
