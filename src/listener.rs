//! Sockets: which protocol a connection uses, how long each step may take, and how connections end.
//!
//! The first byte of a connection to the TLS port distinguishes a TLS handshake from plain HTTP; a plain request gets
//! the answer of the plain app, and the connection is closed. Over TLS, ALPN chooses HTTP/2 or HTTP/1.1, and one
//! instance of the secure app on each worker answers both. The codecs are those of actix-http and h2; the dispatchers,
//! [`http1`] and [`http2`], are our own. The reasons: actix's HTTP/2 has no limit on streams, headers and idle time,
//! and no graceful stop. Its HTTP/1.1 reads later requests before the current one is answered, so it answers requests
//! after a `Connection: close`, and formats an answer by the head of a later request. There may be two more ports for
//! plain HTTP: one whose app refuses every request, and one for operators. No route is known here.

mod breaks;
mod chunks;
mod connections;
mod http1;
mod http2;
mod limits;
mod socket;
mod stop;
mod wire;
mod write_idle;

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use actix_http::body::MessageBody;
use actix_http::{KeepAlive, Request};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, fn_service};
use actix_web::dev::{AppConfig, ServiceResponse};
use futures_util::future::LocalBoxFuture;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

pub use self::breaks::Break;
use self::connections::Work;
pub use self::connections::{Connections, Observer, Opening};
use self::http1::Http1;
use self::http2::Http2;
pub use self::limits::ConnectionLimits;
use self::stop::Stop;
use self::write_idle::until_silent;

/// The first byte of every TLS connection: a handshake record (RFC 8446 section 5.1). No HTTP request
/// starts with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// The sockets of a server, before it runs.
///
/// The apps are created as by `actix_web::HttpServer::new`: once for each worker and listener.
pub struct Sockets {
    builder: ServerBuilder,
    limits: ConnectionLimits,
    stopping: GracefulShutdownSignal,
    connections: Arc<Connections>,
    observer: Option<Observer>,
}

impl Sockets {
    /// No sockets yet.
    #[must_use]
    pub fn new(mut limits: ConnectionLimits) -> Self {
        limits.silence_timeout = limits.silence_timeout.max(limits.keep_alive);
        let builder = Server::build()
            .disable_signals()
            .workers(limits.workers.clamp(1, 512))
            .max_concurrent_connections(limits.max_connections)
            .shutdown_timeout(limits.shutdown_timeout.as_secs());
        let stopping = builder.graceful_shutdown_signal();
        Self { builder, limits, stopping, connections: Arc::default(), observer: None }
    }

    /// The same; `observer` is called for each TLS connection.
    #[must_use]
    pub fn observed_by(self, observer: Observer) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// The counts of the connections of these sockets.
    #[must_use]
    pub fn connections(&self) -> Arc<Connections> {
        Arc::clone(&self.connections)
    }

    /// Ports where `secure_app` answers requests over TLS, and `plain_app` requests over plain HTTP.
    pub fn https<A, IA, SA, BA, C, IC, SC, BC>(
        mut self,
        listeners: Vec<TcpListener>,
        mut tls: rustls::ServerConfig,
        secure_app: A,
        plain_app: C,
    ) -> io::Result<Self>
    where
        A: Fn() -> IA + Send + Clone + 'static,
        IA: IntoServiceFactory<SA, Request>,
        SA: ServiceFactory<Request, Config = AppConfig, InitError = (), Service: Answers<BA>> + 'static,
        SA: ServiceFactory<Request, Response = ServiceResponse<BA>, Error = actix_web::Error>,
        BA: MessageBody + 'static,
        C: Fn() -> IC + Send + Clone + 'static,
        IC: IntoServiceFactory<SC, Request>,
        SC: ServiceFactory<Request, Config = AppConfig, InitError = (), Service: Answers<BC>> + 'static,
        SC: ServiceFactory<Request, Response = ServiceResponse<BC>, Error = actix_web::Error>,
        BC: MessageBody + 'static,
    {
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        for listener in listeners {
            let port = TlsPort {
                acceptor: acceptor.clone(),
                limits: self.limits,
                stopping: self.stopping.clone(),
                connections: self.connections(),
                observer: self.observer.clone(),
            };
            let (secure_app, plain_app) = (secure_app.clone(), plain_app.clone());
            self.builder = self.builder.listen("https", listener, move || {
                let (secure_app, plain_app) = (secure_app.clone(), plain_app.clone());
                https_port(port.clone(), move || start(&secure_app), move || start(&plain_app))
            })?;
        }
        Ok(self)
    }

    /// A port where `app` answers plain HTTP, one request a connection.
    pub fn http<A, I, S, B>(self, listener: TcpListener, app: A) -> io::Result<Self>
    where
        A: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig, InitError = (), Service: Answers<B>> + 'static,
        S: ServiceFactory<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
        B: MessageBody + 'static,
    {
        self.plain("http", listener, KeepAlive::Disabled, app)
    }

    /// A port where `app` answers operators over plain HTTP, on persistent connections.
    pub fn ops<A, I, S, B>(self, listener: TcpListener, app: A) -> io::Result<Self>
    where
        A: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig, InitError = (), Service: Answers<B>> + 'static,
        S: ServiceFactory<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
        B: MessageBody + 'static,
    {
        let keep_alive = self.limits.keep_alive.into();
        self.plain("ops", listener, keep_alive, app)
    }

    fn plain<A, I, S, B>(mut self, name: &str, listener: TcpListener, keep_alive: KeepAlive, app: A) -> io::Result<Self>
    where
        A: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig, InitError = (), Service: Answers<B>> + 'static,
        S: ServiceFactory<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
        B: MessageBody + 'static,
    {
        let (limits, stopping, connections) = (self.limits, self.stopping.clone(), self.connections());
        self.builder = self.builder.listen(name, listener, move || {
            let app = app.clone();
            http_port(limits, keep_alive, stopping.clone(), connections.clone(), move || start(&app))
        })?;
        Ok(self)
    }

    /// Accepts on every socket until the returned server is stopped. It must be awaited to run, and does not handle
    /// signals. A graceful stop closes idle connections at once, sends GOAWAY to HTTP/2 clients (RFC 9113 section 6.8),
    /// and waits for answers under way.
    pub fn serve(self) -> Server {
        self.builder.run()
    }
}

/// A started `actix_web::App`: one worker's instance, which is always ready.
pub trait Answers<B>:
    Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error, Future: 'static> + 'static
{
}

impl<S, B> Answers<B> for S where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error, Future: 'static> + 'static
{
}

/// The start of a worker's instance of an app.
type Starting<S> = LocalBoxFuture<'static, Result<Rc<S>, ()>>;

fn start<I, S>(app: &impl Fn() -> I) -> Starting<S::Service>
where
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, InitError = ()> + 'static,
{
    let starting = app().into_factory().new_service(AppConfig::default());
    Box::pin(async move { starting.await.map(Rc::new) })
}

/// What the connections to one TLS port share.
#[derive(Clone)]
struct TlsPort {
    acceptor: TlsAcceptor,
    limits: ConnectionLimits,
    stopping: GracefulShutdownSignal,
    connections: Arc<Connections>,
    observer: Option<Observer>,
}

/// The service for the connections to one TLS port on one worker.
fn https_port<S, B, C, D>(
    port: TlsPort,
    start_secure: impl Fn() -> Starting<S>,
    start_plain: impl Fn() -> Starting<C>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = (), InitError = ()>
where
    S: Answers<B>,
    B: MessageBody + 'static,
    C: Answers<D>,
    D: MessageBody + 'static,
{
    fn_factory(move || {
        let TlsPort { acceptor, limits, stopping, connections, observer } = port.clone();
        let (secure, plain) = (start_secure(), start_plain());
        async move {
            let (secure, plain) = (secure.await?, plain.await?);
            let stop = Stop::of(stopping.clone());
            let plain = Rc::new(Http1::new(plain, KeepAlive::Disabled, limits, stop.clone()));
            let http1 = Rc::new(Http1::new(Rc::clone(&secure), limits.keep_alive.into(), limits, stop.clone()));
            let http2 = Rc::new(Http2::new(secure, limits, stop));
            Ok(fn_service(move |stream: TcpStream| {
                let (acceptor, stopping, connections) = (acceptor.clone(), stopping.clone(), connections.clone());
                let (http1, http2, plain) = (Rc::clone(&http1), Rc::clone(&http2), Rc::clone(&plain));
                let observer = observer.clone();
                async move {
                    let peer = stream.peer_addr().ok();
                    let observe = |io: &TlsStream<TcpStream>| Some(observer?(peer?, io.get_ref().1));
                    let opened = tokio::select! {
                        opened = timeout(limits.handshake_timeout, open(stream, &acceptor)) => opened,
                        () = stopping.notified() => return Ok(()),
                    };
                    let limit = limits.silence_timeout;
                    match opened {
                        Ok(Ok(Opened::Http2(io))) => {
                            let _observed = observe(&io);
                            let open = connections.begin(Opening::Http2);
                            if let Err(error) = http2.serve(*io, peer, open).await {
                                debug!(?peer, %error, "an HTTP/2 connection ended early");
                            }
                        }
                        Ok(Ok(Opened::Http1(io))) => {
                            let _observed = observe(&io);
                            let work = Work::of(&connections.begin(Opening::Http1));
                            until_silent(limit, *io, |io| http1.serve(io, peer)).await;
                            work.finish();
                        }
                        Ok(Ok(Opened::Plain(io))) => {
                            let work = Work::of(&connections.begin(Opening::Plain));
                            until_silent(limit, io, |io| plain.serve(io, peer)).await;
                            work.finish();
                        }
                        Ok(Err(error)) => {
                            connections.add_unopened(Opening::Failed);
                            debug!(?peer, %error, "a connection was not opened");
                        }
                        Err(_) => {
                            connections.add_unopened(Opening::TimedOut);
                            debug!(?peer, "a connection was not opened in time");
                        }
                    }
                    Ok::<_, ()>(())
                }
            }))
        }
    })
}

/// The service for the connections to a port for plain HTTP on one worker.
fn http_port<C, D>(
    limits: ConnectionLimits,
    keep_alive: KeepAlive,
    stopping: GracefulShutdownSignal,
    connections: Arc<Connections>,
    start_plain: impl Fn() -> Starting<C>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = (), InitError = ()>
where
    C: Answers<D>,
    D: MessageBody + 'static,
{
    fn_factory(move || {
        let (plain, stopping, connections) = (start_plain(), stopping.clone(), connections.clone());
        async move {
            let plain = Rc::new(Http1::new(plain.await?, keep_alive, limits, Stop::of(stopping)));
            Ok(fn_service(move |stream: TcpStream| {
                let (plain, connections) = (Rc::clone(&plain), connections.clone());
                async move {
                    let peer = stream.peer_addr().ok();
                    let work = Work::of(&connections.begin(Opening::Plain));
                    until_silent(limits.silence_timeout, stream, |io| plain.serve(io, peer)).await;
                    work.finish();
                    Ok::<_, ()>(())
                }
            }))
        }
    })
}

/// A connection, by its protocol.
enum Opened {
    Plain(TcpStream),
    Http1(Box<TlsStream<TcpStream>>),
    Http2(Box<TlsStream<TcpStream>>),
}

/// Peeks at the first byte, and does the TLS handshake if it starts one.
async fn open(stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<Opened> {
    // Without it HTTP/2 answers wait 40 ms for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if first != [TLS_HANDSHAKE] {
        return Ok(Opened::Plain(stream));
    }
    let stream = acceptor.accept(stream).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = Box::new(stream);
    Ok(if is_http2 { Opened::Http2(stream) } else { Opened::Http1(stream) })
}
