#include <sallyport/cli/reload.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/cli/error_line.hpp>

namespace sallyport::cli {
namespace {

/// What belongs to the process and not to its sessions.
constexpr auto fixed_options = std::to_array<std::string_view>(
    {"listen", "listen-tls", "passive-ports", "external-ports", "grabbed-ports", "data-port", "proxy-from", "proxy-data",
     "loops", "log", "log-level", "status-socket", "drain", "stop-timeout"});
constexpr auto secret_options = std::to_array<std::string_view>({"check-user", "user", "reader"});

[[nodiscard]] bool is_among(const auto& list, std::string_view name) { return std::ranges::find(list, name) != list.end(); }

[[nodiscard]] const std::vector<std::string>& value_of(const option_values& values, const std::string& name) {
    static const std::vector<std::string> none;
    const auto found = values.find(name);
    return found == values.end() ? none : found->second;
}

[[nodiscard]] std::string words_of(const option_values& values, const std::string& name) {
    if (is_among(secret_options, name)) return "...";
    const auto& words = value_of(values, name);
    return words.empty() ? "as by default" : escape(fmt::format("{}", fmt::join(words, ", ")), 500);
}

[[nodiscard]] std::set<std::string> changed_options(const option_values& before, const option_values& after) {
    std::set<std::string> out;
    for (const auto* values : {&before, &after}) {
        for (const auto& [name, words] : *values)
            if (value_of(before, name) != value_of(after, name)) out.insert(name);
    }
    out.erase("config");
    return out;
}

/// Whether any option of this beginning differs.
[[nodiscard]] bool differs(const std::set<std::string>& changed, std::string_view beginning) {
    return std::ranges::any_of(changed, [&](const std::string& name) { return name.starts_with(beginning); });
}

}  // namespace

reloader::reloader(daemon& host, option_values given, std::optional<net::tls_server_context> tls,
                   std::shared_ptr<status::transfer_log> transfers, std::function<result<reading>()> read)
    : host_(host),
      read_(std::move(read)),
      in_use_(std::move(given)),
      tls_(std::move(tls)),
      transfers_(std::move(transfers)) {}

/// A context whose files are named as before goes on with their new content, so that sessions it has encrypted tickets for
/// can be resumed; a log that is open stays open.
void reloader::keep_what_stays(reading& fresh) const {
    const auto changed = changed_options(in_use_, fresh.given);
    const bool same_clients = !differs(changed, "tls-") && !differs(changed, "client-c");
    if (tls_ && fresh.tls && same_clients) fresh.tls = tls_;
    if (!differs(changed, "transfer-log")) fresh.transfers = transfers_;
}

net::task<result<std::vector<std::string>>> reloader::run() {
    // Whatever a file holds, a bad reload is a value and changes nothing: what is thrown on the pool would end the daemon.
    auto work = [this]() -> result<reading> {
        try {
            return read_();
        } catch (const std::exception& e) {
            return fail(errc::syntax, fmt::format("the settings can't be read: {}", escape(e.what(), 300)));
        }
    };
    auto fresh = co_await net::offload(host_.disk(), host_.loops().at(0), std::move(work));
    if (!fresh) co_return std::unexpected(fresh.error());
    keep_what_stays(*fresh);
    auto renewed = fresh->use(fresh->tls, fresh->transfers);
    if (!renewed) co_return std::unexpected(renewed.error());
    tls_ = fresh->tls;
    transfers_ = fresh->transfers;
    host_.follow(tls_);
    host_.on_rotate(transfers_);

    std::vector<std::string> lines;
    for (const auto& name : changed_options(in_use_, fresh->given)) {
        if (name == "backend") continue;  // told one by one
        const auto now = fmt::format("{}: {}, before {}", name, words_of(fresh->given, name), words_of(in_use_, name));
        if (is_among(fixed_options, name)) {
            lines.push_back(fmt::format("{}; not without a restart", now));
            fresh->given[name] = value_of(in_use_, name);  // so that the next reload says so again
        } else {
            lines.push_back(now);
        }
    }
    std::ranges::move(*renewed, std::back_inserter(lines));
    if (lines.empty()) lines.emplace_back("nothing has changed");
    in_use_ = std::move(fresh->given);
    co_return lines;
}

net::task<result<std::string>> reloader::reload() {
    if (std::exchange(running_, true)) co_return fail(errc::busy, "another reload is at work; try again");
    const auto lines = co_await run();
    running_ = false;
    if (std::exchange(due_, false)) reload_by_signal();
    if (!lines) {
        log::error({}, fmt::format("Reload: all stays as it was: {}", line_of(lines.error())));
        co_return fail(errc::rejected, fmt::format("all stays as it was: {}", line_of(lines.error())));
    }
    boost::json::array told;
    for (const auto& line : *lines) {
        log::info({}, fmt::format("Reload: {}", line));
        told.push_back(boost::json::value(line));
    }
    co_return boost::json::serialize(boost::json::object{{"lines", std::move(told)}});
}

net::task<> reloader::log_outcome(reloader* self) { (void)co_await self->reload(); }

void reloader::reload_by_signal() {
    due_ = running_;
    if (!due_) host_.loops().at(0).spawn("reload", log_outcome(this));
}

}  // namespace sallyport::cli
