// The relay machine with any client and any backend. First line: choices; then one event a line:
//   ">text" the client sends the line   ")text" the client sends the text without its end
//   "<text" and "(text" the same for the backend   "!x" the driver's outcome, chosen by x
// - It never crashes or loops forever; the client gets well-formed replies, the backend well-formed commands.
// - Without TLS and Telnet, complete lines and single bytes give the same output on both legs.

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
namespace outcome = proto::relay_outcome;
using sallyport::fuzz::check;
using sallyport::fuzz::choices;

class driver {
public:
    driver(choices c, bool bytewise) : choices_(c), bytewise_(bytewise), machine_(begin(c)) {
        tls_ = c.setting(1);
        backend_tls_ = c.setting(3);
        work();
    }

    void event(std::string_view line) {
        if (line.empty() || closed_) return;
        const char kind = line[0];
        std::string text(line.substr(1));
        if (kind == '>' || kind == '<') text += '\n';
        if (kind == '>' || kind == ')') feed(text, [this](std::string_view part) { machine_.from_client(part); });
        if (kind == '<' || kind == '(') feed(text, [this](std::string_view part) { machine_.from_backend(part); });
        if (kind == '!') outcome(text);
        work();
    }
    void end() {
        machine_.report(outcome::session_ended{"stopping"});
        work();
        check(closed_, "a session ends when the driver ends it");
    }

    std::string to_client, to_backend;

private:
    static proto::relay_settings settings(const choices& c) {
        proto::relay_settings s;
        s.client_peer = *endpoint::parse("198.51.100.7:40000");
        s.backend.peer = *endpoint::parse("192.0.2.1:21");
        s.tls_available = c.setting(0);
        s.tls_active = c.setting(1);
        s.tls_required = c.setting(0) && c.setting(2);
        s.backend.protect = c.setting(3);
        if (c.setting(7)) {
            s.backend.match_tls = !c.setting(6);
            s.auth = c.setting(6)   ? proto::client_tls::passes
                     : c.setting(5) ? proto::client_tls::chosen_by_hello
                                    : proto::client_tls::ends_here;
            s.ccc_allowed = true;
            s.limit_users = c.setting(4);
            if (c.setting(5)) s.policy = *proto::command_policy::make({}, {"SITE", "FEAT"}, true);
        }
        if (c.setting(4)) s.backend.refused.insert(proto::data_method::epsv);
        const auto past = choices(c).next(4);
        s.backend.direct = {.passive = past % 2 == 1, .active = past >= 2};
        s.paths.kernel = proto::kernel_forwarding::available;
        if (!c.setting(6)) s.naming = static_cast<proto::server_naming>(choices(c).next(12) / 4);
        if (c.setting(5)) s.data_mode = c.setting(4) ? proto::backend_data_mode::active : proto::backend_data_mode::match;
        return s;
    }

    static proto::relay_machine begin(const choices& c) {
        if (!c.setting(6)) return proto::relay_machine(settings(c));
        return proto::relay_machine(settings(c), proto::reply{220, {"Welcome."}});
    }

    template <class Take>
    void feed(std::string_view text, Take take) {
        const std::size_t piece = bytewise_ ? 1 : std::max<std::size_t>(text.size(), 1);
        for (std::size_t at = 0; at < text.size() && !closed_; at += piece) {
            take(text.substr(at, piece));
            work();
        }
    }

    void outcome(std::string_view text) {
        if (text == "silent") return pass_time();
        if (text == "waited") return waited();
        switch (text.empty() ? 0 : static_cast<unsigned char>(text[0]) % 9) {
            case 1:
                return machine_.report(outcome::data_ended{{proto::data_result::client_timeout, "no connection arrived"}});
            case 2: return machine_.report(outcome::data_ended{{proto::data_result::client_failed, "cut"}});
            case 3: return machine_.report(outcome::data_ended{{proto::data_result::backend_failed, "cut\r\n226 x"}});
            case 4: return machine_.report(outcome::data_ended{{proto::data_result::backend_connect_failed, "refused"}});
            case 5: return machine_.report(outcome::backend_closed{"reset"});
            case 6: return machine_.report(outcome::session_ended{"idle"});
            case 7: return machine_.report(outcome::port_reserved{fail(errc::exhausted)});
            case 8: return machine_.report(outcome::client_tls_started{});
            default: return machine_.report(outcome::data_ended{});
        }
    }

    /// As much time passes as the machine allows.
    void pass_time() {
        check(until_ > now_ && until_ < proto::session_time::max(), "there is always a deadline, and it is to come");
        now_ = until_;
        machine_.time_passed(now_);
        work();
    }

    /// The waits for words of the backend, three at most: for a refusal, for its word, for its answer to NOOP.
    void waited() {
        for (int waits = 0; !closed_ && until_ - now_ <= std::chrono::seconds(10); ++waits) {
            check(waits < 3, "waits for the backend come to an end");
            pass_time();
        }
    }

    void work() {
        for (int steps = 0;; ++steps) {
            check(steps < 100'000, "next() comes to an end");
            const auto action = machine_.next();
            collect();
            if (const auto* idle = std::get_if<proto::relay_act::idle>(&action)) {
                until_ = idle->until;
                return;
            }
            if (std::holds_alternative<proto::relay_act::close>(action) ||
                std::holds_alternative<proto::relay_act::start_passthrough>(action)) {
                closed_ = true;
                return;
            }
            if (const auto* start = std::get_if<proto::relay_act::start_tls>(&action)) {
                (start->on == proto::leg::client ? tls_ : backend_tls_) = true;
                if (start->on == proto::leg::client)
                    machine_.report(outcome::client_tls_started{});
                else
                    machine_.report(outcome::backend_tls_started{});
            }
            if (std::holds_alternative<proto::relay_act::read_client_hello>(action))
                machine_.report(outcome::client_hello_read{choices_.next(2) == 1});
            if (std::holds_alternative<proto::relay_act::end_tls>(action)) {
                tls_ = false;
                machine_.report(outcome::client_tls_ended{});
            }
            if (std::holds_alternative<proto::relay_act::admit_user>(action))
                machine_.report(outcome::user_admitted{choices_.next(4) != 3});
            if (const auto* what = std::get_if<proto::relay_act::reserve_port>(&action)) reserve(*what);
            if (std::holds_alternative<proto::relay_act::open_port>(action))
                machine_.report(outcome::port_opened{static_cast<proto::opening_result>(choices_.next(3))});
            if (std::holds_alternative<proto::relay_act::find_backend>(action)) find_backend();
        }
    }

    void reserve(const proto::relay_act::reserve_port& what) {
        const auto choice = choices_.next(4);
        if (choice == 3) return machine_.report(outcome::port_reserved{fail(errc::exhausted, "no port")});
        machine_.report(outcome::port_reserved{*endpoint::parse("203.0.113.5:50000"), choice == 2 && what.to});
    }

    void find_backend() {
        switch (choices_.next(8)) {
            case 6: return machine_.report(outcome::no_backend_for_user{});
            case 7: return machine_.report(outcome::no_backend{"none is there"});
            default:
                return machine_.report(outcome::backend_found{{*endpoint::parse("192.0.2.2:21"), choices_.setting(3), {}}});
        }
    }

    void collect() {
        std::string sent;
        std::string plain;
        std::string answers;
        machine_.release_client_output(sent);
        if (tls_)
            plain = sent;
        else
            (void)telnet_.filter(sent, plain, answers);
        replies_.append(plain);
        to_client += plain;
        proto::reply r;
        auto got = replies_.next(r);
        while (got == proto::reply_parser::status::reply) got = replies_.next(r);
        check(got != proto::reply_parser::status::error, "the client gets replies");

        machine_.release_backend_output(sent);
        plain.clear();
        if (backend_tls_)
            plain = sent;  // with TLS there is no Telnet
        else
            (void)backend_telnet_.filter(sent, plain, answers);
        to_backend += plain;
        commands_.append(plain);
        std::string_view line;
        for (auto status = commands_.next(line); status != proto::line_buffer::status::need_more;
             status = commands_.next(line)) {
            check(status == proto::line_buffer::status::line && proto::parse_command(line), "the backend gets commands");
        }
    }

    choices choices_;
    bool bytewise_;
    bool tls_ = false;
    bool backend_tls_ = false;
    bool closed_ = false;
    proto::session_time now_{};
    proto::session_time until_{};
    proto::relay_machine machine_;
    proto::telnet_filter telnet_;
    proto::telnet_filter backend_telnet_;
    proto::reply_parser replies_;
    proto::line_buffer commands_{16384};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = sallyport::fuzz::text_of(data, size);
    const choices c(sallyport::fuzz::next_line(text));
    driver whole(c, false);
    driver bytewise(c, true);
    const bool comparable = !c.setting(0) && !c.setting(1) && text.find('\xff') == std::string_view::npos;
    while (!text.empty()) {
        const auto line = sallyport::fuzz::next_line(text);
        whole.event(line);
        bytewise.event(line);
    }
    whole.end();
    bytewise.end();
    const bool same = whole.to_client == bytewise.to_client && whole.to_backend == bytewise.to_backend;
    check(!comparable || same, "splits do not matter");
    return 0;
}
