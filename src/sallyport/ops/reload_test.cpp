#include <sallyport/ops/reload.hpp>

#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

namespace sallyport::ops {
namespace {

namespace fs = std::filesystem;
using lines = std::vector<std::string>;

net::task<> reload_into(reloader* r, result<std::string>* into) { *into = co_await r->reload(); }

net::task<> reload_twice(reloader* r, net::loop* loop, result<std::string>* first, result<std::string>* second) {
    loop->spawn("the first", reload_into(r, first));
    co_await loop->yield();
    *second = co_await r->reload();
    while (!*first && first->error().code == errc::unexpected) co_await loop->sleep_for(std::chrono::milliseconds(1));
}

/// Waits for what was applied, which counts on this thread: a reload in progress must not outlive the test.
net::task<> signal_during(reloader* r, net::loop* loop, const int* applied, int until) {
    r->reload_by_signal();
    co_await loop->yield();
    r->reload_by_signal();
    r->reload_by_signal();
    while (*applied < until) co_await loop->sleep_for(std::chrono::milliseconds(1));
    // Time for a third reload, which must not happen.
    co_await loop->sleep_for(std::chrono::milliseconds(50));
}

class Reload : public testing::Test {
protected:
    ~Reload() override { fs::remove_all(directory); }

    [[nodiscard]] loaded_settings settings(setting_list given) {
        loaded_settings out{.given = std::move(given)};
        out.tls = tls;
        out.tls_source = tls_source;
        out.transfer_log = transfer_log;
        out.transfer_log_source = transfer_log_source;
        out.apply = [this](auto with_tls, auto with_log) -> result<lines> {
            ++applied;
            applied_tls = with_tls;
            applied_log = with_log;
            if (!refusal.empty()) return fail(errc::syntax, refusal);
            return from_service;
        };
        return out;
    }
    void start(setting_list given) {
        next = given;
        made.emplace(host, settings(std::move(given)), [this]() -> result<loaded_settings> {
            ++loads;
            if (throws) throw std::runtime_error("bad\nfile");
            if (!load_error.empty()) return fail(errc::syntax, load_error);
            return settings(next);
        });
    }
    [[nodiscard]] result<std::string> reload() {
        result<std::string> out = fail(errc::unexpected);
        host.loops().run_until_done(reload_into(&*made, &out));
        return out;
    }
    [[nodiscard]] lines reloaded() {
        const auto answer = reload();
        if (!answer) return {answer.error().what};
        lines out;
        const auto parsed = boost::json::parse(*answer);
        for (const auto& line : parsed.at("lines").get_array()) out.emplace_back(line.get_string());
        return out;
    }
    [[nodiscard]] static net::tls_server_context certificate() {
        const auto pem = net::make_self_signed({"localhost"}, 1);
        return *net::tls_server_context::from_pem(pem->certificate, pem->key);
    }
    [[nodiscard]] std::shared_ptr<status::transfer_log> log_file(const std::string& name) const {
        fs::create_directories(directory);
        return *status::transfer_log::open((directory / name).string(), status::record_format::text);
    }

    const fs::path directory = fs::temp_directory_path() / fmt::format("sallyport-reload-{}", ::getpid());
    daemon host{"test", 1};
    std::optional<net::tls_server_context> tls;
    std::string tls_source;
    std::shared_ptr<status::transfer_log> transfer_log;
    std::string transfer_log_source;
    setting_list next;
    std::string load_error;
    std::string refusal;
    bool throws = false;
    lines from_service;
    int loads = 0;
    int applied = 0;
    std::optional<net::tls_server_context> applied_tls;
    std::shared_ptr<status::transfer_log> applied_log;
    std::optional<reloader> made;
};

TEST_F(Reload, WithoutAChangeSaysSo) {
    start({{"greeting", {{"Hello"}}}});
    EXPECT_EQ(reloaded(), lines{"no changes"});
    EXPECT_EQ(applied, 1);
}

TEST_F(Reload, ListsWhatHasChanged) {
    start({{"greeting", {{"Hello"}}}, {"idle", {{"5"}}}});
    next = {{"greeting", {{"Good\nmorning"}}}, {"user", {{"a", "b"}}}};
    EXPECT_EQ(reloaded(), (lines{"greeting changed from Hello to Good\\x0amorning", "idle changed from 5 to the default",
                                 "user changed from the default to a, b"}));
    EXPECT_EQ(reloaded(), lines{"no changes"});
}

TEST_F(Reload, ListsWhatTheServiceReports) {
    start({{"backend", {{"one"}, setting_kind::unlisted}}});
    next = {{"backend", {{"two"}, setting_kind::unlisted}}};
    from_service = {"backend one is removed", "backend two is new"};
    EXPECT_EQ(reloaded(), from_service);
}

TEST_F(Reload, ShowsNoSecret) {
    start({{"user", {{"bob:secret"}, setting_kind::secret}}});
    next = {};
    EXPECT_EQ(reloaded(), lines{"user changed from ... to ..."});
}

TEST_F(Reload, ReportsEachTimeWhatNeedsARestart) {
    start({});
    next = {{"listen", {{"0.0.0.0:21"}, setting_kind::fixed}}};
    const lines expected{"listen changed from the default to 0.0.0.0:21; takes effect after a restart"};
    EXPECT_EQ(reloaded(), expected);
    EXPECT_EQ(reloaded(), expected);
    next = {};
    EXPECT_EQ(reloaded(), lines{"no changes"});
}

TEST_F(Reload, ThatCanNotBeReadChangesNothing) {
    start({{"greeting", {{"Hello"}}}});
    next = {{"greeting", {{"New"}}}};
    load_error = "gate.toml, line 3: 'x' is not a setting";
    EXPECT_EQ(reloaded(), lines{"reload failed, configuration unchanged: gate.toml, line 3: 'x' is not a setting"});
    EXPECT_EQ(applied, 0);
    load_error.clear();
    EXPECT_EQ(reloaded(), lines{"greeting changed from Hello to New"});
}

TEST_F(Reload, SurvivesExceptions) {
    start({});
    throws = true;
    EXPECT_EQ(reload().error().code, errc::rejected);
    EXPECT_EQ(reloaded(), lines{"reload failed, configuration unchanged: the settings can't be read: bad\\x0afile"});
    EXPECT_EQ(applied, 0);
}

TEST_F(Reload, ThatTheServiceRefusesChangesNothing) {
    tls = certificate();
    tls_source = "cert=a";
    start({{"greeting", {{"Hello"}}}});
    next = {{"greeting", {{"New"}}}};
    const auto first = tls->fingerprint();
    tls = certificate();
    tls_source = "cert=b";
    refusal = "TLS is required, but no certificate is configured";
    EXPECT_EQ(reload().error().code, errc::rejected);
    refusal.clear();
    tls_source = "cert=a";
    EXPECT_EQ(reloaded(), lines{"greeting changed from Hello to New"});
    EXPECT_EQ(applied_tls->fingerprint(), first) << "the first certificate is still in use";
}

TEST_F(Reload, KeepsTheCertificateOfTheSameFilesAndTheSameLog) {
    tls = certificate();
    tls_source = "cert=a";
    transfer_log = log_file("one");
    transfer_log_source = "log=one";
    start({});
    const auto first = tls->fingerprint();
    const auto first_log = transfer_log;
    tls = certificate();
    transfer_log = log_file("one");
    (void)reloaded();
    EXPECT_EQ(applied_tls->fingerprint(), first);
    EXPECT_EQ(applied_log, first_log);

    tls_source = "cert=b";
    transfer_log = log_file("two");
    transfer_log_source = "log=two";
    (void)reloaded();
    EXPECT_EQ(applied_tls->fingerprint(), tls->fingerprint());
    EXPECT_EQ(applied_log, transfer_log);
    const auto second = tls->fingerprint();
    tls = certificate();
    (void)reloaded();
    EXPECT_EQ(applied_tls->fingerprint(), second) << "the certificate applied last is kept";

    tls.reset();
    transfer_log.reset();
    transfer_log_source.clear();
    (void)reloaded();
    EXPECT_FALSE(applied_tls) << "TLS was disabled";
    EXPECT_EQ(applied_log, nullptr);
}

TEST_F(Reload, IsOneAtATime) {
    start({});
    result<std::string> first = fail(errc::unexpected);
    result<std::string> second = fail(errc::unexpected);
    host.loops().run_until_done(reload_twice(&*made, &host.loops().at(0), &first, &second));
    EXPECT_TRUE(first);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, errc::busy);
    EXPECT_EQ(loads, 1);
}

// The reload in progress may have read older files.
TEST_F(Reload, BySignalDuringAnotherFollowsItOnce) {
    start({});
    host.loops().run_until_done(signal_during(&*made, &host.loops().at(0), &applied, 2));
    EXPECT_EQ(loads, 2);
}

}  // namespace
}  // namespace sallyport::ops
