//! The page that all of ours answer, bare axum too: so that servers differ in what they do for it and not in making it.

use axum::response::Html;

/// The bytes of every page.
pub(crate) const SIZE: usize = 1_024;

const END: &str = "--></html>";

const PADDING: &str = match std::str::from_utf8(&[b'.'; SIZE]) {
    Ok(text) => text,
    Err(_) => "",
};

/// A page of exactly [`SIZE`] bytes, as long as the text leaves room. Names hold no character that means something in HTML
/// (A10), but a row may have been written by anybody.
pub(crate) fn page(text: &str) -> Html<String> {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let mut page = String::with_capacity(SIZE);
    page.push_str("<!doctype html><html lang=\"en\"><title>Benchmark</title><p>");
    page.push_str(&text);
    page.push_str("</p><!--");
    page.push_str(&PADDING[..SIZE.saturating_sub(page.len() + END.len())]);
    page.push_str(END);
    Html(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_the_same_size() {
        for text in ["", "Welcome.", "You are Zoë.", &"x".repeat(150), "<script>"] {
            let Html(page) = page(text);
            assert_eq!(page.len(), SIZE, "{page}");
            assert!(!page.contains("<script"));
        }
    }
}
