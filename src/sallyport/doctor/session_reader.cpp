#include <sallyport/doctor/session_reader.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/refusal_words.hpp>
#include <sallyport/proto/host_port.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::contains_any;
using diagnosis::facts;
using diagnosis::method_facts;
using diagnosis::method_result;
using diagnosis::vantage;
using proto::data_method;
using kind = session_event::kind;

/// How a data connection failed, by the text of the reply that says so. Nothing if the reply is about another matter, such
/// as a file that does not exist.
[[nodiscard]] std::optional<method_result> result_of_reply(int code, std::string_view text) {
    const auto words = to_lower(text);
    if (contains_any(words, {"bad ip", "foreign", "security", "does not match", "not match the control", "unexpected peer"}))
        return method_result::wrong_peer;
    if (code != 425 && code != 426 && code != 421 && code != 522) return std::nullopt;
    if (contains_any(words, {"refused"})) return method_result::refused;
    if (contains_any(words, {"unreachable", "no route"})) return method_result::unreachable;
    if (contains_any(words, {"reset"})) return method_result::reset;
    if (code == 522) return method_result::failed;
    if (contains_any(words, {"assign", "in use", "tls", "ssl"})) return method_result::failed;
    if (code == 425 || contains_any(words, {"timed out", "timeout"})) return method_result::silent;
    return method_result::reset;
}

/// One session while its events are read.
class session_reader {
public:
    session_reader(const transcript& read, const session_event& first) {
        known_.seen_from = read.of_server ? vantage::server : vantage::client;
        known_.source = read.program;
        if (first.client) known_.client = {*first.client, first.client_port};
        known_.times.started = first.seconds;
    }

    void take(const session_event& e) {
        known_.times.ended = std::max(known_.times.ended, e.seconds);
        switch (e.what) {
            case kind::opened:
                if (e.at) known_.server = *e.at;
                break;
            case kind::command: on_command(e.text); break;
            case kind::reply: on_reply(e.text); break;
            case kind::connecting: on_connecting(e); break;
            case kind::refused: on_failure(method_result::refused, "refused"); break;
            case kind::timed_out: on_timeout(e.text); break;
            case kind::unreachable: on_failure(method_result::unreachable, "unreachable"); break;
            case kind::untrusted: on_untrusted(e.text); break;
            case kind::failed: break;
            case kind::closed: finish(); break;
        }
        if (e.is_last_word) on_last_word(e.text);
    }

    [[nodiscard]] facts end() {
        finish();
        return std::move(known_);
    }
    [[nodiscard]] bool is_empty() const noexcept { return !has_messages_ && known_.phases.empty(); }

private:
    void add_phase(std::string name, bool ok, int code = 0, std::string error = {}, std::string detail = {}) {
        known_.phases.push_back(
            {.name = std::move(name), .ok = ok, .error = std::move(error), .reply_code = code, .detail = std::move(detail)});
    }

    void on_connecting(const session_event& e) {
        if (pending_) {
            pending_->target = e.at;
            pending_->packets = e.packets;
            if (e.packets) pending_->bytes = e.bytes;
        } else if (!has_messages_) {
            known_.server = *e.at;
        }
    }

    /// The client program reports that its last connection failed.
    void on_failure(method_result how, std::string_view error) {
        if (pending_ && (answered_ || started_)) {
            pending_->result = started_ && how == method_result::silent ? method_result::stalled : how;
            end_method();
        } else if (pending_ && how == method_result::silent) {
            pending_->result = method_result::verb_dropped;
            end_method();
        } else if (!has_messages_ && known_.phases.empty()) {
            add_phase("connect", false, 0, std::string(error), fmt::format("{}", error));
        }
    }

    /// The file has the session from its beginning, and no command so far.
    [[nodiscard]] bool begins_here() const {
        return known_.seen_from == vantage::client && known_.server.port != 0 && last_.empty() && known_.greeting.empty();
    }

    void on_timeout(std::string_view text) {
        const bool is_connected = !has_messages_ && (text == no_reply || text.contains("waiting for the greeting"));
        if (!is_connected)
            on_failure(method_result::silent, "timeout");
        else if (known_.phases.empty() && text != no_reply)
            add_phase("greeting", false, 0, "timeout", std::string(text));
    }

    /// The client program's command has failed. If nothing so far says how, it was no matter of the data connection.
    void on_last_word(const std::string& text) {
        const bool is_known = known_.failed_phase() != nullptr || std::ranges::any_of(known_.methods, [](const auto& m) {
                                  return !diagnosis::succeeded(m.result);
                              });
        if (is_known) return;
        drop();
        add_phase("transfer", false, 0, {}, text);
    }

    void on_untrusted(const std::string& text) {
        if (pending_) {
            pending_->detail = text;
            end_method();
        } else if (known_.failed_phase() == nullptr) {
            add_phase("tls", false, 0, std::string(name(errc::tls_untrusted)), text);
        }
    }

    void on_command(std::string_view text) {
        has_messages_ = true;
        const auto blank = std::min(text.find(' '), text.size());
        last_ = to_lower(text.substr(0, blank));
        const auto method = proto::method_named(last_);
        if (!method) return;
        finish();
        pending_.emplace();
        pending_->method = *method;
        pending_->tls = tls_;
        pending_->result = method_result::failed;
        auto argument = text.substr(blank);
        argument.remove_prefix(std::min(argument.find_first_not_of(' '), argument.size()));
        if (!is_active(*method)) return;
        const auto target = *method == data_method::port ? proto::parse_host_port(argument) : proto::parse_eprt(argument);
        if (target) pending_->target = *target;
    }

    void on_reply(std::string_view text) {
        const auto number = parse_decimal(text.substr(0, 3));
        if (text.size() < 3 || !number) {
            // A line of a reply of several lines.
            const auto begin = text.find_first_not_of(' ');
            if (last_ == "feat" && begin != text.npos) known_.features.emplace_back(text.substr(begin));
            return;
        }
        if (text.size() > 3 && text[3] == '-') return;
        has_messages_ = true;
        const auto code = static_cast<int>(*number);
        const auto rest = text.size() > 4 ? text.substr(4) : std::string_view();
        if (pending_)
            on_reply_to_method(code, rest);
        else
            on_reply_before(code, rest);
    }

    void on_reply_before(int code, std::string_view text) {
        if (code == 220 && known_.greeting.empty() && last_.empty()) {
            known_.greeting = text;
            // Attempts with other addresses of the host, before the one that was answered.
            known_.phases.clear();
            add_phase("greeting", true);
        } else if (last_ == "auth") {
            tls_ = code == 234;
            if (tls_) known_.tls_mode = "explicit";
            // Clients try AUTH, and go on without TLS if it is refused.
        } else if (code == 230 || code == 232) {
            add_phase("login", true, code);
        } else if ((last_ == "pass" || last_ == "user") && code >= 400) {
            add_phase("login", false, code, {}, fmt::format("{} {}", code, text));
        } else if ((code == 421 && known_.phases.size() <= 1) || (code >= 400 && begins_here())) {
            known_.phases.clear();
            add_phase("greeting", false, code, {}, fmt::format("{} {}", code, text));
        }
    }

    void on_reply_to_method(int code, std::string_view text) {
        auto& m = *pending_;
        if (code == 227 || code == 229) {
            answered_ = true;
            // A log that has the code only.
            if (text.empty() || text == "-") return;
            if (code == 227) {
                if (const auto at = proto::parse_227(text))
                    m.advertised = *at;
                else
                    return end_malformed(code, text, at.error().what);
            } else if (const auto port = proto::parse_229(text)) {
                m.advertised = endpoint{known_.server.address, *port};
            } else {
                return end_malformed(code, text, port.error().what);
            }
            if (!m.target) m.target = m.advertised;
        } else if (!answered_ && code < 300) {
            answered_ = code >= 200;
        } else if (!answered_) {
            set_reply(code, text);
            m.result = method_result::verb_refused;
            end_method();
        } else if (code == 150 || code == 125) {
            started_ = true;
        } else if (code == 226 || code == 250) {
            if (!started_ && code == 250) return;
            set_reply(code, text);
            m.result = method_result::ok;
            end_method();
        } else if (code >= 400 && code != 421) {
            set_reply(code, text);
            const auto how = result_of_reply(code, text);
            if (!how) return drop();
            m.result = *how == method_result::silent && started_ && code == 426 ? method_result::stalled : *how;
            end_method();
        }
    }

    void end_malformed(int code, std::string_view text, const std::string& why) {
        set_reply(code, text);
        pending_->malformed = why;
        pending_->result = method_result::verb_refused;
        end_method();
    }

    void set_reply(int code, std::string_view text) {
        pending_->reply_code = code;
        pending_->reply = fmt::format("{} {}", code, text);
        if (code >= 400) pending_->detail = pending_->reply;
    }

    void drop() {
        pending_.reset();
        answered_ = started_ = false;
    }

    void end_method() {
        known_.methods.push_back(std::move(*pending_));
        drop();
    }

    /// A data method without a transfer after it. The log of a server shows that no client connected to the passive port;
    /// the transcript of a client would say why.
    void finish() {
        if (!pending_) return;
        if (known_.seen_from != vantage::server || !answered_ || started_ || is_active(pending_->method)) return drop();
        pending_->result = method_result::silent;
        pending_->detail = "the client went on without a data connection";
        end_method();
    }

    facts known_;
    std::optional<method_facts> pending_;
    std::string last_;
    bool has_messages_ = false;
    bool tls_ = false;
    // The server has accepted the data method; it has sent 150.
    bool answered_ = false;
    bool started_ = false;
};

}  // namespace

std::vector<facts> facts_of(const transcript& read) {
    std::vector<session_reader> sessions;
    std::map<std::string, std::size_t> current;
    for (const auto& e : read.events) {
        const auto found = current.find(e.session);
        const bool begins = found == current.end() || (e.what == kind::opened && !sessions[found->second].is_empty());
        if (begins) {
            current[e.session] = sessions.size();
            sessions.emplace_back(read, e);
        }
        sessions[current[e.session]].take(e);
    }
    std::vector<facts> out;
    for (auto& each : sessions)
        if (!each.is_empty()) out.push_back(each.end());
    return out;
}

}  // namespace sallyport::doctor
