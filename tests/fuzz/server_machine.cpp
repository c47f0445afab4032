// The server machine with any input. First line: choices; the rest: data of the client.
// - It never crashes or loops forever, and its replies are valid for our own parser.
// - Without TLS, Telnet and delayed transfers, input in one piece and byte by byte gives the same replies.
// - An outcome that is reported at the wrong time has no effect.

#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_machine.hpp>
#include <sallyport/proto/text_lines.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using sallyport::fuzz::check;
using sallyport::fuzz::choices;

class driver {
public:
    explicit driver(choices c) : choices_(c), patient_(c.setting(4)), machine_(settings(c)) {}

    void run(std::string_view bytes, std::size_t piece) {
        work();
        for (std::size_t at = 0; at < bytes.size() && !closed_; at += piece) {
            machine_.receive(bytes.substr(at, piece));
            work();
        }
        end_transfer();
        machine_.terminate("idle");
        work();
        check(closed_, "a session ends after it was closed");
        check(parser_.pending() == 0, "the last reply is whole");
    }
    [[nodiscard]] const std::string& conversation() const { return conversation_; }

private:
    static proto::server_settings settings(const choices& c) {
        proto::server_settings s;
        s.local = *endpoint::parse("192.0.2.1:21");
        s.peer = *endpoint::parse("192.0.2.2:40000");
        s.tls_available = c.setting(0);
        s.tls_active = c.setting(1);
        s.tls_required = c.setting(0) && c.setting(2);
        s.anonymous_allowed = !c.setting(3);
        s.ccc_allowed = c.setting(5);
        return s;
    }

    void work() {
        for (int steps = 0;; ++steps) {
            check(steps < 100'000, "next() comes to an end");
            const auto action = machine_.next();
            collect();
            if (std::holds_alternative<proto::act::close>(action)) {
                closed_ = true;
                return;
            }
            if (std::holds_alternative<proto::act::need_input>(action) ||
                std::holds_alternative<proto::act::paused>(action)) {
                if (!transfer_ || choices_.next(2) == 0) return;
                end_transfer();
                continue;
            }
            std::visit([this](const auto& a) { perform(a); }, action);
            collect();
        }
    }

    void collect() {
        std::string output;
        machine_.release_output(output);
        check(output.size() < 256U * 1024, "output is handed out in time");
        std::string plain;
        std::string answers;
        if (tls_)
            plain = output;
        else
            (void)telnet_.filter(output, plain, answers);
        conversation_ += plain;
        parser_.append(plain);
        proto::reply r;
        auto got = parser_.next(r);
        while (got == proto::reply_parser::status::reply) got = parser_.next(r);
        check(got != proto::reply_parser::status::error, "replies are well formed");
    }

    template <class T>
    result<T> outcome(T value) {
        constexpr errc failures[] = {errc::not_found, errc::no_space, errc::timeout, errc::tls_not_resumed,
                                     errc::login_refused};
        const auto choice = choices_.next(8);
        if (choice < 5 && choice > 0) return fail(failures[choice], "reported by the test\r\n226 x");
        return value;
    }

    void perform(const proto::act::start_tls&) {
        tls_ = true;
        machine_.tls_started();
    }
    void perform(const proto::act::clear_tls&) {
        tls_ = false;
        machine_.tls_cleared();
    }
    void perform(const proto::act::check_login&) {
        if (choices_.next(4) == 3)
            machine_.login_done(fail(errc::login_refused));
        else
            machine_.login_done({});
    }
    void perform(const proto::act::open_passive&) { machine_.passive_done(outcome(*endpoint::parse("192.0.2.1:50000"))); }
    void perform(const proto::act::run_file& a) {
        proto::file_result answer;
        answer.line = " type=file; x";
        answer.message = proto::text_lines("250 x\r\n\x1b\n");
        if (a.request.listing && choices_.next(2) == 0)
            machine_.file_done(proto::file_result{
                .lines = "-rw-r--r-- 1 ftp ftp 1 Jan 01 2020 " + std::string(a.request.path.text()) + "\r\n", .more = true});
        machine_.file_done(outcome(answer));
    }
    void perform(const proto::act::start_transfer& a) {
        transfer_ = true;
        in_blocks_ = a.request.mode == proto::transfer_mode::block;
        if (choices_.next(4) != 3) machine_.transfer_opened("Opening.");
        if (!patient_) end_transfer();
    }
    void perform(const proto::act::abort_transfer&) {
        check(transfer_, "only a running transfer is aborted");
        transfer_ = false;
        machine_.transfer_done(fail(errc::cancelled), true);
    }
    void perform(const auto&) {}

    void end_transfer() {
        if (!std::exchange(transfer_, false)) return;
        const auto ended = outcome(proto::transfer_outcome{});
        const bool connected = choices_.next(2) == 1;
        machine_.transfer_done(ended, connected, in_blocks_ && (ended || !connected));
    }

    choices choices_;
    bool patient_;
    bool tls_ = false;
    bool transfer_ = false;
    bool in_blocks_ = false;
    bool closed_ = false;
    proto::server_machine machine_;
    proto::telnet_filter telnet_;
    proto::reply_parser parser_;
    std::string conversation_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto bytes = sallyport::fuzz::text_of(data, size);
    const choices c(sallyport::fuzz::next_line(bytes));
    driver whole(c);
    whole.run(bytes, std::max<std::size_t>(bytes.size(), 1));
    driver bytewise(c);
    bytewise.run(bytes, 1);
    // Bytes after AUTH TLS end the session, later ones do not (TLS-01); Telnet answers go out at once.
    const bool comparable = !c.setting(0) && !c.setting(1) && !c.setting(4) && bytes.find('\xff') == std::string_view::npos;
    check(!comparable || whole.conversation() == bytewise.conversation(), "splits do not matter");
    return 0;
}
