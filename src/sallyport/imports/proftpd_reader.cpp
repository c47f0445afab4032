#include <sallyport/imports/proftpd_reader.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>

namespace sallyport::imports {
namespace {

// Far above what ProFTPD's own sections need, and low enough for recursive functions.
constexpr std::size_t max_depth = 16;
// Of all files together.
constexpr std::size_t max_bytes = std::size_t{8} << 20U;

constexpr std::string_view blanks = " \t\r";

/// The words of a line. A word that begins with a quotation mark ends with one; in it, \" is a quotation mark. A word that
/// begins with # begins a comment.
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> out;
    for (std::size_t at = text.find_first_not_of(blanks); at != text.npos && text[at] != '#';
         at = text.find_first_not_of(blanks, at)) {
        std::string word;
        if (text[at] == '"') {
            for (++at; at < text.size() && text[at] != '"'; ++at) {
                if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '"') ++at;
                word += text[at];
            }
            ++at;
        } else {
            const auto end = std::min(text.find_first_of(blanks, at), text.size());
            word = text.substr(at, end - at);
            at = end;
        }
        out.push_back(std::move(word));
        if (at >= text.size()) break;
    }
    return out;
}

/// A file as lines, of which those that end with a backslash are joined with the next one.
class proftpd_lines {
public:
    explicit proftpd_lines(std::string_view text) : rest_(text) {}

    /// The number of the first line that is part of the text.
    std::optional<std::pair<std::size_t, std::string>> next() {
        if (rest_.empty()) return std::nullopt;
        std::string out;
        const std::size_t first = line_ + 1;
        for (bool continues = true; continues && !rest_.empty();) {
            std::string_view row = rest_.substr(0, rest_.find('\n'));
            rest_.remove_prefix(std::min(rest_.size(), row.size() + 1));
            ++line_;
            while (row.ends_with('\r')) row.remove_suffix(1);
            continues = row.ends_with('\\');
            if (continues) row.remove_suffix(1);
            out += row;
        }
        return std::pair(first, std::move(out));
    }

private:
    std::string_view rest_;
    std::size_t line_ = 0;
};

class proftpd_parser {
public:
    explicit proftpd_parser(const import_include& include) : include_(include) {}

    result<void> read(const import_file& file, std::size_t depth) {
        bytes_ += file.text.size();
        if (bytes_ > max_bytes) return fail(errc::usage, fmt::format("{}: the files are too long", file.path));
        const auto opened_before = open_.size();
        proftpd_lines lines(file.text);
        while (auto next = lines.next()) {
            proftpd_line line{.file = file.path, .line = next->first};
            const std::string_view text = next->second;
            if (std::ranges::any_of(text, [](char c) { return is_control(c) && c != '\t' && c != '\r'; }))
                return refuse_line(line, "contains control characters; remove them");
            const auto start = text.find_first_not_of(blanks);
            if (start == text.npos || text[start] == '#') continue;
            auto done = text[start] == '<' ? tag(std::move(line), text.substr(start + 1), opened_before)
                                           : directive(std::move(line), text.substr(start), depth);
            if (!done) return done;
        }
        if (open_.size() > opened_before) {
            const auto& opening = open_.back().opening;
            return refuse_line(opening, fmt::format("{} has no end; write </{}", opening.name, opening.name.substr(1)));
        }
        return {};
    }

    proftpd_section take() { return std::move(open_.front()); }

private:
    result<void> directive(proftpd_line line, std::string_view text, std::size_t depth) {
        auto words = words_of(text);
        line.name = std::move(words.front());
        words.erase(words.begin());
        line.words = std::move(words);
        const bool is_include = line.is("Include");
        if (!is_include) {
            open_.back().lines.push_back(std::move(line));
            return {};
        }
        if (line.words.size() != 1) return refuse_line(line, "Include needs one path");
        if (depth == max_depth) return refuse_line(line, "files include each other too deeply");
        const auto files = include_(line.words.front());
        if (!files) return std::unexpected(with_place(line, files.error()));
        open_.back().lines.push_back(std::move(line));
        for (const auto& file : *files)
            if (auto done = read(file, depth + 1); !done) return done;
        return {};
    }

    /// `text`: after the '<'.
    result<void> tag(proftpd_line line, std::string_view text, std::size_t opened_before) {
        const auto end = text.rfind('>');
        if (end == text.npos) return refuse_line(line, "a section needs '>' at its end");
        const bool closes = text.starts_with('/');
        auto words = words_of(text.substr(closes ? 1 : 0, end - (closes ? 1 : 0)));
        if (words.empty()) return refuse_line(line, "a section needs a name");
        line.name = fmt::format("<{}>", words.front());
        words.erase(words.begin());
        line.words = std::move(words);
        if (!closes) {
            if (open_.size() > max_depth) return refuse_line(line, "sections are nested too deeply");
            open_.push_back({.opening = std::move(line)});
            return {};
        }
        if (open_.size() == opened_before || !open_.back().opening.is(line.name))
            return refuse_line(line, fmt::format("</{} ends no section", escape(line.name.substr(1), 100)));
        proftpd_section closed = std::move(open_.back());
        open_.pop_back();
        auto& parent = open_.back();
        const bool if_module = closed.opening.is("<IfModule>") && !closed.opening.value().starts_with('!');
        if (!if_module) {
            parent.sections.push_back(std::move(closed));
            return {};
        }
        parent.lines.push_back(std::move(closed.opening));
        std::ranges::move(closed.lines, std::back_inserter(parent.lines));
        std::ranges::move(closed.sections, std::back_inserter(parent.sections));
        return {};
    }

    const import_include& include_;
    std::vector<proftpd_section> open_ = std::vector<proftpd_section>(1);
    std::size_t bytes_ = 0;
};

}  // namespace

error with_place(const proftpd_line& line, const error& why) {
    return {why.code, why.os, fmt::format("{}, line {}: {}", line.file, line.line, why.what)};
}

std::unexpected<error> refuse_line(const proftpd_line& line, std::string_view what) {
    return std::unexpected(with_place(line, {errc::usage, 0, std::string(what)}));
}

std::string proftpd_line::value() const { return fmt::format("{}", fmt::join(words, " ")); }

bool proftpd_line::is(std::string_view other) const noexcept { return iequals(name, other); }

const proftpd_line* proftpd_section::first(std::string_view name) const noexcept {
    const auto found = std::ranges::find_if(lines, [name](const auto& line) { return line.is(name); });
    return found == lines.end() ? nullptr : &*found;
}

result<proftpd_section> read_proftpd_conf(const import_file& file, const import_include& include) {
    proftpd_parser parser(include);
    if (auto done = parser.read(file, 0); !done) return std::unexpected(std::move(done.error()));
    return parser.take();
}

}  // namespace sallyport::imports
