#include <sallyport/server/server.hpp>

#include <utility>

#include <sallyport/server/session.hpp>
#include <sallyport/server/session_context.hpp>

namespace sallyport::server {

namespace {

/// One for the control connection; for a transfer the data connection, the file, its directory, and a passive port.
constexpr frontend::descriptor_need need{.session = 1, .transfer = 4};

[[nodiscard]] result<void> usable(const settings& s) {
    if ((s.tls_required || !s.listen_implicit.empty()) && !s.tls)
        return fail(errc::syntax, "TLS is required, but no certificate is configured; add one or make TLS optional");
    return {};
}

}  // namespace

struct server::impl {
    explicit impl(std::shared_ptr<session_context> first) : shared(first->base), context(std::move(first)) {}

    const std::shared_ptr<shared_state> shared;
    frontend::current_context<session_context> context;
};

server::server(net::loop_group& loops, settings s, status::counters& counters)
    : server(loops, s, std::make_shared<shared_state>(loops, s, counters)) {}

server::server(net::loop_group& loops, settings s, std::shared_ptr<shared_state> shared)
    : service(loops, s, shared, need),
      impl_(std::make_unique<impl>(std::make_shared<session_context>(std::move(s), shared))) {}

server::~server() = default;

result<void> server::start() {
    const auto first = impl_->context.get();
    const settings& config = first->config;
    if (auto good = usable(config); !good) return good;
    if (auto opened = sessions().open(config.listen, config.listen_implicit); !opened) return opened;
    // Start only now, when nothing can fail any more.
    sessions().run([this](frontend::admitted_connection from) {
        net::loop& loop = from.loop;
        loop.spawn("session", session::serve(std::make_shared<session>(impl_->context.get(), std::move(from))));
    });
    if (config.passive_allowed) impl_->shared->passive_data.report(endpoints());
    impl_->shared->passive_data.start(endpoints(), config.passive_allowed);
    return {};
}

result<std::vector<std::string>> server::reload(settings s) {
    if (auto good = usable(s); !good) return std::unexpected(good.error());
    apply(s);
    impl_->context.set(std::make_shared<session_context>(std::move(s), impl_->shared));
    return std::vector<std::string>();
}

}  // namespace sallyport::server
