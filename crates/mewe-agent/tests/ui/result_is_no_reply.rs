use mewe_agent::{App, AppBuilder, Mention};

async fn hello(m: Mention) -> usize {
    m.author().len()
}

fn build(app: AppBuilder) -> AppBuilder {
    app.on(hello)
}

fn main() {
    let _ = (build, App::from_env);
}
