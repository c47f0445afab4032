#include <sallyport/proto/transcript.hpp>

#include <charconv>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::proto {
namespace {

using step_kind = transcript_step::step_kind;

[[noreturn]] void malformed(const std::string& file, std::size_t line, std::string_view why) {
    throw std::runtime_error(fmt::format("{}:{}: {}", file, line, why));
}

/// \r \n \0 \\ and \xNN.
std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        switch (text[++i]) {
            case 'r': out += '\r'; break;
            case 'n': out += '\n'; break;
            case '0': out += '\0'; break;
            case 'x': {
                unsigned value = 0;
                const std::string_view digits = text.substr(i + 1, 2);
                std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
                out += static_cast<char>(value);
                i += 2;
                break;
            }
            default: out += text[i];
        }
    }
    return out;
}

/// "1000 text": the text 1000 times, for "C*" and "S*".
std::pair<std::uint64_t, std::string_view> repeated(std::string_view text) {
    const auto [count, rest] = first_word(text);
    return {parse_decimal(count).value_or(0), rest};
}

void add_client(transcript& t, std::string bytes, std::size_t line) {
    if (!t.steps.empty() && t.steps.back().kind == step_kind::client)
        t.steps.back().text += bytes;
    else
        t.steps.push_back({step_kind::client, std::move(bytes), line});
}

bool add_step(transcript& t, std::string_view mark, std::string_view text, std::size_t line) {
    if (mark == "C:") {
        add_client(t, unescape(text) + "\r\n", line);
    } else if (mark == "C+") {
        add_client(t, unescape(text), line);
    } else if (mark == "C*") {
        const auto [count, one] = repeated(text);
        std::string all;
        for (std::uint64_t i = 0; i < count; ++i) all += unescape(one);
        add_client(t, std::move(all), line);
    } else if (mark == "S:") {
        t.steps.push_back({step_kind::server, unescape(text), line});
    } else if (mark == "S*") {
        const auto [count, one] = repeated(text);
        for (std::uint64_t i = 0; i < count; ++i) t.steps.push_back({step_kind::server, unescape(one), line});
    } else if (mark == "!") {
        t.steps.push_back({step_kind::directive, unescape(text), line});
    } else {
        return false;
    }
    return true;
}

}  // namespace

std::pair<std::string_view, std::string_view> first_word(std::string_view text) noexcept {
    const std::size_t blank = text.find(' ');
    return {text.substr(0, blank), blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1)};
}

bool matches(std::string_view expected, std::string_view line) noexcept {
    if (expected.ends_with('*')) return line.starts_with(expected.substr(0, expected.size() - 1));
    return expected == line;
}

transcript read_transcript(const std::string& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error(file + ": cannot be read");
    transcript t;
    std::string text;
    for (std::size_t number = 1; std::getline(in, text); ++number) {
        if (text.empty() || text.front() == '#') continue;
        const auto [mark, rest] = first_word(text);
        if (mark == "machine") {
            t.machine = rest;
        } else if (mark == "set" && t.steps.empty()) {
            t.settings.emplace_back(rest);
        } else if (text == "whole only") {
            t.whole_lines_only = true;
        } else if (!add_step(t, mark, rest, number)) {
            malformed(file, number, "neither a setting before the first step, nor C: C+ C* S: S* or !");
        }
    }
    if (t.machine.empty() || t.steps.empty()) malformed(file, 1, "names no machine or has no steps");
    return t;
}

}  // namespace sallyport::proto
