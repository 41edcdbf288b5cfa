use mewe_agent::{App, AppBuilder, Mention};

async fn hello(m: Mention, _greeting: u32) -> String {
    format!("Hello, {}!", m.author())
}

fn build(app: AppBuilder) -> AppBuilder {
    app.on(hello)
}

fn main() {
    let _ = (build, App::from_env);
}
