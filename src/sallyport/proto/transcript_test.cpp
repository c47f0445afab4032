// Runs tests/transcripts/*.ftp against the machines, each file in whole lines and byte by byte. This is the player for the
// server machine; a file for a machine without a player is a failure, so that no file is skipped.

#include <sallyport/proto/transcript.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/server_machine.hpp>

namespace sallyport::proto {
namespace {

endpoint address(std::string_view text) {
    const auto e = endpoint::parse(text);
    if (!e) throw std::runtime_error(fmt::format("'{}' is not an address and port", text));
    return *e;
}

server_settings read_settings(const transcript& t) {
    server_settings s;
    session_texts texts;
    s.local = address("10.0.0.1:21");
    s.peer = address("192.168.1.2:1930");
    for (const std::string& line : t.settings) {
        const auto [name, value] = first_word(line);
        if (name == "anonymous")
            s.anonymous_allowed = true;
        else if (name == "tls")
            s.tls_available = true;
        else if (name == "tls-required")
            s.tls_available = s.tls_required = true;
        else if (name == "implicit-tls")
            s.tls_available = s.tls_active = true;
        else if (name == "ccc")
            s.ccc_allowed = true;
        else if (name == "no-passive")
            s.passive_allowed = false;
        else if (name == "no-active")
            s.active_allowed = false;
        else if (name == "greeting")
            texts.greeting = value;
        else if (name == "banner")
            texts.banner.emplace_back(value);
        else if (name == "login-text")
            texts.login.emplace_back(value);
        else if (name == "goodbye")
            texts.goodbye = value;
        else if (name == "local")
            s.local = address(value);
        else if (name == "peer")
            s.peer = address(value);
        else
            throw std::runtime_error("unknown setting " + line);
    }
    s.texts = std::make_shared<const session_texts>(std::move(texts));
    return s;
}

errc read_cause(std::string_view name_of_cause) {
    for (int i = 0; i <= static_cast<int>(errc::misuse); ++i)
        if (name(static_cast<errc>(i)) == name_of_cause) return static_cast<errc>(i);
    throw std::runtime_error(fmt::format("'{}' is no errc", name_of_cause));
}

/// The driver: it performs no actions, and reports the outcomes in the directives of the transcript.
class server_player {
public:
    server_player(const transcript& t, bool byte_by_byte) : machine_(read_settings(t)), byte_by_byte_(byte_by_byte) {
        pump();
    }

    void client(std::string_view bytes) {
        unprocessed_ += bytes;
        read();
    }

    /// The next line that the server has sent; empty if there is none.
    std::string server_line() {
        const std::size_t end = sent_.find("\r\n");
        if (end == std::string::npos) return {};
        std::string line = sent_.substr(0, end);
        sent_.erase(0, end + 2);
        return line;
    }

    void directive(std::string_view text) {
        const auto [name_of_it, argument] = first_word(text);
        if (name_of_it == "login")
            login(argument);
        else if (name_of_it == "file")
            file(argument);
        else if (name_of_it == "passive")
            passive(argument);
        else if (name_of_it == "start")
            start(argument);
        else if (name_of_it == "opened")
            machine_.transfer_opened(argument);
        else if (name_of_it == "done")
            done(argument);
        else if (name_of_it == "persists")
            machine_.transfer_done(transfer_outcome{.note = std::string(argument)}, true, true);
        else if (name_of_it == "failed")
            failed(argument);
        else if (name_of_it == "tls")
            take<act::start_tls>(), machine_.tls_started();
        else if (name_of_it == "clear")
            take<act::clear_tls>(), machine_.tls_cleared();
        else if (name_of_it == "dropped")
            EXPECT_TRUE(std::exchange(dropped_, false)) << "no port or connection was released";
        else if (name_of_it == "aborted")
            EXPECT_TRUE(std::exchange(aborted_, false)) << "the transfer was not aborted";
        else if (name_of_it == "paused")
            EXPECT_TRUE(paused_) << "the machine still reads input";
        else if (name_of_it == "end")
            machine_.input_ended();
        else if (name_of_it == "expire")
            machine_.terminate(argument);
        else if (name_of_it == "closed")
            EXPECT_TRUE(closed_) << "the session was not closed";
        else
            throw std::runtime_error("unknown directive " + std::string(text));
        pump();
        read();
    }

    void expect_end() const {
        EXPECT_EQ(sent_, "") << "the server sent more than the transcript contains";
        EXPECT_FALSE(awaited_action_.has_value()) << "the machine still waits for an outcome";
    }

private:
    /// Passes bytes to the machine as the driver does: not while it waits for an outcome or reads no input.
    void read() {
        while (!unprocessed_.empty() && !awaited_action_ && !closed_ && !paused_) {
            const std::size_t count = byte_by_byte_ ? 1 : unprocessed_.size();
            machine_.receive(std::string_view(unprocessed_).substr(0, count));
            unprocessed_.erase(0, count);
            pump();
        }
    }

    void pump() {
        while (!awaited_action_ && !closed_) {
            server_action action = machine_.next();
            std::string replies;
            machine_.release_output(replies);
            sent_ += replies;
            paused_ = std::holds_alternative<act::paused>(action);
            if (paused_ || std::holds_alternative<act::need_input>(action)) return;
            if (std::holds_alternative<act::send>(action)) continue;
            if (std::holds_alternative<act::close>(action))
                closed_ = true;
            else if (std::holds_alternative<act::release_data>(action))
                dropped_ = true;
            else if (std::holds_alternative<act::abort_transfer>(action))
                aborted_ = true;
            else if (auto* started = std::get_if<act::start_transfer>(&action))
                transfer_ = std::move(started->request);
            else
                awaited_action_ = std::move(action);
        }
    }

    template <class Action>
    Action take() {
        const bool right = awaited_action_ && std::holds_alternative<Action>(*awaited_action_);
        if (!right) throw std::runtime_error("the machine has not asked for this outcome");
        Action action = std::get<Action>(std::move(*awaited_action_));
        awaited_action_.reset();
        return action;
    }

    void login(std::string_view outcome) {
        take<act::check_login>();
        machine_.login_done(outcome == "ok" ? result<void>() : fail(read_cause(outcome)));
    }

    /// "ok", "size 12", "modified 0", "line text", or the name of an errc, after an optional "/path: " that must match.
    void file(std::string_view outcome) {
        const file_request request = take<act::run_file>().request;
        if (outcome.starts_with('/')) {
            const std::size_t colon = outcome.find(": ");
            EXPECT_EQ(request.path.text(), outcome.substr(0, colon));
            outcome.remove_prefix(colon + 2);
        }
        const auto [name_of_it, value] = first_word(outcome);
        if (name_of_it == "ok") return machine_.file_done(file_result{});
        if (name_of_it == "size") return machine_.file_done(file_result{.size = parse_decimal(value).value_or(0)});
        if (name_of_it == "modified")
            return machine_.file_done(file_result{.modified = static_cast<std::int64_t>(parse_decimal(value).value_or(0))});
        if (name_of_it == "line" && request.listing) {
            machine_.file_done(file_result{.lines = std::string(value) + "\r\n", .more = true});
            return machine_.file_done(file_result{});
        }
        if (name_of_it == "message") return machine_.file_done(file_result{.message = {std::string(value), "226 x"}});
        if (name_of_it == "line") return machine_.file_done(file_result{.line = std::string(value)});
        machine_.file_done(fail(read_cause(name_of_it), request.path.text()));
    }

    void passive(std::string_view outcome) {
        take<act::open_passive>();
        if (const auto e = endpoint::parse(outcome)) return machine_.passive_done(*e);
        machine_.passive_done(fail(read_cause(outcome), "every port is in use"));
    }

    /// The transfer must have been requested: "RETR /a/b 4096", "LIST / or /*.txt *.txt" (with the names to try first),
    /// "LIST /", followed by words for type and protection.
    void start(std::string_view expected) {
        if (!transfer_) throw std::runtime_error("the machine has not started a transfer");
        const transfer_request& r = *transfer_;
        std::string got = fmt::format("{} {}", row_of(r.command).name, r.path.text());
        for (const list_name& name : r.names) got += " or " + name.path.text();
        if (!r.pattern.empty()) got += " " + r.pattern;
        if (r.offset > 0) got += fmt::format(" from {}", r.offset);
        if (r.end != UINT64_MAX) got += fmt::format(" to {}", r.end);
        if (r.announced) got += fmt::format(" of {}", *r.announced);
        if (r.show_hidden && r.command != verb::mlsd) got += " hidden";
        got += r.type == data_type::ascii ? " ascii" : " image";
        if (r.mode == transfer_mode::block) got += " block";
        if (r.protect == protection::private_) got += " tls";
        if (const auto* target = std::get_if<data_target>(&r.data)) got += " to " + target->address.text();
        if (std::holds_alternative<passive_port>(r.data)) got += " passive";
        if (std::holds_alternative<persistent_data>(r.data)) got += " persistent";
        EXPECT_EQ(got, expected);
        transfer_.reset();
    }

    void done(std::string_view note) { machine_.transfer_done(transfer_outcome{.note = std::string(note)}, true); }

    /// "reset", "timeout no connection"; "early timeout ...": before the data connection was established.
    void failed(std::string_view text) {
        const bool early = text.starts_with("early ");
        if (early) text.remove_prefix(6);
        const bool persists = text.starts_with("persists ");
        if (persists) text.remove_prefix(9);
        const auto [cause, why] = first_word(text);
        machine_.transfer_done(fail(read_cause(cause), std::string(why)), !early, persists);
    }

    server_machine machine_;
    bool byte_by_byte_;
    // Sent by the client and not passed to the machine yet.
    std::string unprocessed_;
    // Sent by the server and not compared yet.
    std::string sent_;
    std::optional<server_action> awaited_action_;
    std::optional<transfer_request> transfer_;
    bool dropped_ = false;
    bool aborted_ = false;
    bool paused_ = false;
    bool closed_ = false;
};

template <class Player>
void play(const transcript& t, const std::string& file, bool byte_by_byte) {
    Player player(t, byte_by_byte);
    for (const transcript_step& step : t.steps) {
        SCOPED_TRACE(fmt::format("{}:{}{}", file, step.line, byte_by_byte ? " (byte by byte)" : ""));
        switch (step.kind) {
            case transcript_step::step_kind::client: player.client(step.text); break;
            case transcript_step::step_kind::directive: player.directive(step.text); break;
            case transcript_step::step_kind::server: {
                const std::string line = player.server_line();
                EXPECT_TRUE(matches(step.text, line)) << "expected: " << step.text << "\n     got: " << line;
                break;
            }
        }
        if (::testing::Test::HasFailure()) return;
    }
    player.expect_end();
}

std::vector<std::string> transcripts() {
    std::vector<std::string> files;
    for (const auto& item : std::filesystem::directory_iterator(SALLYPORT_TRANSCRIPTS))
        if (item.path().extension() == ".ftp") files.push_back(item.path().stem().string());
    std::ranges::sort(files);
    return files;
}

class transcript_file : public ::testing::TestWithParam<std::string> {};

TEST_P(transcript_file, holds) {
    const std::string file = fmt::format("{}/{}.ftp", SALLYPORT_TRANSCRIPTS, GetParam());
    const transcript t = read_transcript(file);
    ASSERT_EQ(t.machine, "server") << file << ": no player for this machine";
    play<server_player>(t, file, false);
    if (!t.whole_lines_only) play<server_player>(t, file, true);
}

INSTANTIATE_TEST_SUITE_P(all, transcript_file, ::testing::ValuesIn(transcripts()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace sallyport::proto
