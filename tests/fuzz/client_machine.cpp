// The client machine with any server. First line: choices; the rest: data of the server, one line per read.
// - It never crashes or loops forever; it sends only well-formed commands.
// - If TLS is required, USER, PASS and ACCT are never sent before it is established (TLS-03).
// - After `done` it has a result; if the server stops responding, every call ends.

#include <sallyport/proto/client_machine.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using sallyport::fuzz::check;
using sallyport::fuzz::choices;
namespace act = proto::client_act;

class driver {
public:
    driver(choices c, std::string_view bytes) : choices_(c), input_(bytes), required_(c.setting(1)), machine_(settings(c)) {
        goes_on_ = !c.setting(4);
        tls_ = c.setting(0);
    }

    void run() {
        std::size_t orders = 0;
        for (std::size_t steps = 0;; ++steps) {
            check(steps < 10'000 + 20 * input_.size(), "next() comes to an end");
            const auto action = machine_.next();
            collect();
            if (std::holds_alternative<act::done>(action)) {
                if (orders++ == 4 || !machine_.usable()) return;
                if (orders == 1 && !goes_on_) {
                    goes_on_ = true;
                    machine_.queue_login();
                    continue;
                }
                order();
                continue;
            }
            std::visit([this](const auto& a) { perform(a); }, action);
        }
    }

private:
    static proto::client_settings settings(const choices& c) {
        proto::client_settings s;
        s.local = *endpoint::parse("198.51.100.7:40000");
        s.peer = *endpoint::parse("192.0.2.1:21");
        s.tls_active = c.setting(0);
        s.tls_required = c.setting(0) || c.setting(1);
        s.protect_data = !c.setting(2);
        if (c.setting(3)) s.address_rule = proto::passive_address::repair;
        if (c.setting(4)) s.until = c.setting(5) ? proto::open_until::greeting : proto::open_until::tls;
        s.password = "secret";
        s.account = "account";
        return s;
    }

    void order() {
        constexpr proto::verb verbs[] = {proto::verb::retr, proto::verb::stor, proto::verb::list, proto::verb::mlsd};
        switch (choices_.next(8)) {
            case 4: machine_.queue_size("name"); return;
            case 5: machine_.queue_quit(); return;
            case 6: machine_.queue_request(proto::verb::cwd, "name"); return;
            case 7:  // pipelined, with a transfer that has to wait
                machine_.queue_request(proto::verb::mdtm, "name");
                machine_.queue_request(proto::verb::pwd, {});
                break;
            default: break;
        }
        proto::client_transfer t;
        t.command = verbs[choices_.next(4)];
        t.path = "a name";
        t.offset = t.command == proto::verb::list || t.command == proto::verb::mlsd ? 0 : choices_.next(2);
        t.ascii = choices_.next(2) == 1;
        t.prepare_next = choices_.next(2) == 1;
        machine_.queue_transfer(t);
    }

    void collect() {
        lines_.append(machine_.output());
        machine_.output_sent();
        std::string_view line;
        for (auto status = lines_.next(line); status != proto::line_buffer::status::need_more; status = lines_.next(line)) {
            // ABOR is sent after Telnet's IP and DM.
            while (line.starts_with('\xff') && line.size() >= 2) line.remove_prefix(2);
            const auto c = proto::parse_command(line);
            check(status == proto::line_buffer::status::line && c.has_value(), "the server gets commands");
            const bool secret = c->id == proto::verb::user || c->id == proto::verb::pass || c->id == proto::verb::acct;
            check(!secret || tls_ || !required_, "nothing secret before TLS");
        }
        check(lines_.pending() == 0, "whole lines only");
    }

    void perform(const act::read&) {
        if (input_.empty()) return machine_.connection_failed(error{errc::timeout, 0, "the server is silent"});
        const auto line = input_.find('\n');
        const auto bytes = input_.substr(0, line == std::string_view::npos ? line : line + 1);
        input_.remove_prefix(bytes.size());
        machine_.receive(bytes);
    }
    void perform(const act::start_tls&) {
        if (choices_.next(4) == 3) return machine_.connection_failed(error{errc::tls, 0, "bad certificate"});
        tls_ = true;
        machine_.tls_started();
    }
    void perform(const act::connect_data&) { machine_.data_opened(opened()); }
    void perform(const act::accept_data&) { machine_.data_opened(opened()); }
    void perform(const act::listen_data&) {
        if (choices_.next(4) == 3) return machine_.data_listening(fail(errc::exhausted, "no port"));
        machine_.data_listening(*endpoint::parse("198.51.100.7:50000"));
    }
    void perform(const act::transfer_data&) {
        switch (choices_.next(4)) {
            case 1: return machine_.data_done();
            case 2: return machine_.send_noop();
            case 3: return machine_.abort_transfer();
            default: break;
        }
    }
    void perform(const act::await_data&) { machine_.data_done(); }
    void perform(const act::close_data&) { machine_.data_done(); }
    void perform(const act::done&) {}

    result<void> opened() {
        if (choices_.next(4) == 3) return fail(errc::refused, "no");
        return {};
    }

    choices choices_;
    std::string_view input_;
    bool required_;
    bool tls_ = false;
    bool goes_on_ = true;  // the first call is the complete login
    proto::client_machine machine_;
    proto::line_buffer lines_{8192};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto bytes = sallyport::fuzz::text_of(data, size);
    const choices c(sallyport::fuzz::next_line(bytes));
    driver(c, bytes).run();
    return 0;
}
