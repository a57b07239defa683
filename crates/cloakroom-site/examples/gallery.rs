//! Writes every page in each of its states into a folder, to look at while restyling:
//!
//! `cargo run -p cloakroom-site --example gallery -- OUT [TEMPLATES_DIR]`

use std::error::Error;
use std::fs;
use std::path::Path;

use cloakroom_site::assets;
use cloakroom_site::templates::{Templates, context::samples};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("gallery OUT [TEMPLATES_DIR]")?;
    let out = Path::new(&out);
    let templates = Templates::load(args.next().as_deref().map(Path::new))?;
    fs::create_dir_all(out.join("static"))?;
    for (path, content) in assets::all() {
        fs::write(out.join(path.trim_start_matches('/')), content)?;
    }
    for (name, rendered) in samples::render_all(&templates) {
        let name = if name.ends_with(".txt") { name.replace('/', "-") } else { format!("{name}.html") };
        fs::write(out.join(name), rendered?.replace("\"&#x2f;static&#x2f;", "\"static/"))?;
    }
    Ok(())
}
