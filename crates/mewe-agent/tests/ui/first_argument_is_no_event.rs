use mewe_agent::{App, AppBuilder};

async fn hello(_text: String) -> String {
    "Hello!".to_owned()
}

fn build(app: AppBuilder) -> AppBuilder {
    app.on(hello)
}

fn main() {
    let _ = (build, App::from_env);
}
