//! A folder, served, with warnings on the standard error: `cargo run -p poorwsgi-server --example folder --
//! 127.0.0.1:8080 /usr/share/doc`.

use poorwsgi::Application;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut app = Application::new("folder");
    app.settings_mut().document_root = Some(arguments.next().unwrap_or_else(|| ".".to_owned()).into());
    poorwsgi_server::run(app, &address).await
}
