#pragma once
// Conversations as text files (tests/transcripts/*.ftp, format in its README.md), for tests of the protocol machines.
//
// This is the format alone: which machine plays which side is the business of a player (transcript_test.cpp has the
// server's). Test support; throws std::runtime_error with file and line where a transcript is malformed.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::proto {

struct transcript_step {
    enum class step_kind : unsigned char {
        client,    // bytes that the client sends; neighbouring lines are one segment
        server,    // one line that the server sends, without its end; a '*' at its end stands for anything
        directive  // "! name argument": what the surroundings do, or must have been asked for
    };
    step_kind kind = step_kind::client;
    std::string text;
    std::size_t line = 0;  // in the file
};

struct transcript {
    std::string machine;                // "server", "client", "relay"
    std::vector<std::string> settings;  // "set NAME ARGUMENT" lines, without "set "
    bool whole_lines_only = false;      // the outcome depends on how bytes were cut into segments
    std::vector<transcript_step> steps;
};

[[nodiscard]] transcript read_transcript(const std::string& file);

/// True where `line` is what a "server" step asks for.
[[nodiscard]] bool matches(std::string_view expected, std::string_view line) noexcept;

/// "login ok now" -> {"login", "ok now"}.
[[nodiscard]] std::pair<std::string_view, std::string_view> first_word(std::string_view text) noexcept;

}  // namespace sallyport::proto
