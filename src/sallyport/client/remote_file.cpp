#include <sallyport/client/remote_file.hpp>

#include <algorithm>
#include <string_view>

#include <sallyport/client/directory.hpp>

namespace sallyport::client {

using proto::entry;
using proto::entry_type;
using proto::verb;

namespace {

/// "213 20260102150405", wherever in the reply it is.
std::optional<std::int64_t> time_in(const proto::reply& r) {
    if (r.code != 213) return std::nullopt;
    for (std::string_view line : r.lines) {
        while (!line.empty()) {
            const auto word = line.substr(0, line.find(' '));
            if (const auto time = proto::parse_time(word)) return time;
            line.remove_prefix(std::min(word.size() + 1, line.size()));
        }
    }
    return std::nullopt;
}

/// The line of facts in a reply to MLST, which begins with one blank.
std::optional<entry> entry_in(const proto::reply& r) {
    for (std::string_view line : r.lines) {
        if (line.starts_with(' ')) line.remove_prefix(1);
        const auto facts = line.substr(0, line.find(' '));
        if (facts.find('=') == std::string_view::npos) continue;
        if (auto found = proto::parse_mlsx(line)) return std::move(*found);
    }
    return std::nullopt;
}

/// The command is known, and says that there is no such file.
bool is_answer(const proto::reply& r) { return r.positive() || (r.code >= 550 && r.code < 560); }

}  // namespace

std::string last_component(const std::string& path) { return path.substr(path.rfind('/') + 1); }

net::task<std::optional<std::int64_t>> modification_time(conversation& talk, std::string path) {
    const auto lost = co_await request(talk, verb::mdtm, std::move(path));
    if (lost) co_return std::nullopt;
    co_return time_in(talk.machine().last_reply());
}

net::task<file_answer> ask_about_file(conversation& talk, std::string path) {
    file_answer out;
    if (talk.machine().features().may_have_mlsd()) {
        out.failure = co_await request(talk, verb::mlst, path);
        if (out.failure) co_return out;
        const auto& said = talk.machine().last_reply();
        out.asked = is_answer(said);
        if (said.positive()) out.file = entry_in(said);
        if (out.file && (out.file->type == entry_type::directory || out.file->type == entry_type::current ||
                         out.file->type == entry_type::parent))
            out.file.reset();
    }
    if (!out.asked) {
        talk.machine().begin_size(path);
        co_await talk.carry_out(nullptr);
        out.failure = talk.machine().failure();
        if (out.failure) co_return out;
        out.asked = is_answer(talk.machine().last_reply());
        if (const auto size = talk.machine().size()) {
            out.file.emplace();
            out.file->size = *size;
            out.file->has_size = true;
            if (const auto time = co_await modification_time(talk, path)) {
                out.file->modified = *time;
                out.file->has_modified = true;
            }
        }
    }
    if (out.file) out.file->name = last_component(path);
    co_return out;
}

}  // namespace sallyport::client
