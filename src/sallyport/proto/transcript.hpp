#pragma once
// Test support: FTP sessions as text files (tests/transcripts/*.ftp, format in its README.md) for tests of the protocol
// machines.
//
// This is the file format only. A player runs the steps against a machine; transcript_test.cpp has the one for the server.
// Values; any thread. A malformed file throws std::runtime_error with the file and the line.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::proto {

struct transcript_step {
    enum class step_kind : unsigned char {
        // Bytes that the client sends. Consecutive lines are one segment.
        client,
        // One line that the server sends, without its end. A '*' at its end matches any text.
        server,
        // "! name argument": an outcome of the driver, or an action that the machine must have requested.
        directive
    };
    step_kind kind = step_kind::client;
    std::string text;
    // The line of the file.
    std::size_t line = 0;
};

struct transcript {
    // "server", "client" or "relay".
    std::string machine;
    // The "set NAME ARGUMENT" lines, without "set ".
    std::vector<std::string> settings;
    // The result depends on how the bytes are split into segments.
    bool whole_lines_only = false;
    std::vector<transcript_step> steps;
};

[[nodiscard]] transcript read_transcript(const std::string& file);

/// True if `line` matches the text of a "server" step.
[[nodiscard]] bool matches(std::string_view expected, std::string_view line) noexcept;

/// "login ok now" -> {"login", "ok now"}.
[[nodiscard]] std::pair<std::string_view, std::string_view> first_word(std::string_view text) noexcept;

}  // namespace sallyport::proto
