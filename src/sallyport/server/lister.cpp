#include <sallyport/server/lister.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/vfs/names.hpp>

namespace sallyport::server {
namespace {

proto::entry_type type_of(vfs::file_type type) noexcept {
    switch (type) {
        case vfs::file_type::file: return proto::entry_type::file;
        case vfs::file_type::directory: return proto::entry_type::directory;
        case vfs::file_type::link: return proto::entry_type::link;
        case vfs::file_type::other: return proto::entry_type::other;
    }
    return proto::entry_type::other;
}

/// RFC 3659 section 7.5.5.
std::string_view permissions(vfs::file_type type, bool read_only) noexcept {
    if (type == vfs::file_type::directory) return read_only ? "el" : "cdeflmp";
    if (type == vfs::file_type::file) return read_only ? "r" : "adfrw";
    return {};
}

void append_hex(std::string& out, std::uint64_t value) {
    std::array<char, 16> digits{};
    out.append(digits.data(), std::to_chars(digits.begin(), digits.end(), value, 16).ptr);
}

void describe_facts(proto::entry& line, const vfs::status& facts, const proto::fact_set& wanted, bool read_only) {
    line.type = type_of(facts.type);
    line.size = facts.size;
    line.modified = facts.modified;
    line.mode = facts.mode;
    line.links = facts.links;
    line.perm = permissions(facts.type, read_only);
    line.unique.clear();
    if (!wanted.unique) return;
    append_hex(line.unique, facts.device);
    line.unique += 'g';
    append_hex(line.unique, facts.inode);
}

/// Writes the lines of one block.
class line_writer {
public:
    line_writer(const proto::transfer_request& request, const std::optional<wildcard>& pattern, bool read_only,
                std::int64_t now)
        : request_(request), pattern_(pattern), read_only_(read_only), now_(now) {}

    void append(std::string& out, vfs::entry& found) {
        if (!is_wanted(found.name)) return;
        if (request_.command == proto::verb::nlst) {
            proto::append_name(out, request_.prefix);
            proto::append_name(out, found.name);
            out += "\r\n";
            return;
        }
        describe_facts(line_, found.facts, request_.facts, read_only_);
        line_.name.swap(found.name);
        line_.link_target.swap(found.link_target);
        if (shows_owner()) name_owner(found.facts);
        if (is_for_machines())
            proto::append_mlsx(out, line_, request_.facts);
        else
            proto::append_unix_line(out, line_, now_);
    }

private:
    [[nodiscard]] bool is_for_machines() const noexcept { return request_.command == proto::verb::mlsd; }
    [[nodiscard]] bool shows_owner() const noexcept {
        return !is_for_machines() || request_.facts.unix_owner || request_.facts.unix_group;
    }

    [[nodiscard]] bool is_wanted(std::string_view name) const {
        const bool includes_hidden = request_.show_hidden || request_.pattern.starts_with('.');
        if (!is_for_machines() && !includes_hidden && name.starts_with('.')) return false;
        return !pattern_ || pattern_->matches(name);
    }

    void name_owner(const vfs::status& facts) {
        if (user_ != facts.user) line_.owner = vfs::user_name(facts.user);
        if (group_ != facts.group) line_.group = vfs::group_name(facts.group);
        user_ = facts.user;
        group_ = facts.group;
    }

    const proto::transfer_request& request_;
    const std::optional<wildcard>& pattern_;
    bool read_only_;
    std::int64_t now_;
    // Reused between lines, so that its strings keep their memory.
    proto::entry line_;
    // The user and group that `line_` contains.
    std::optional<std::uint32_t> user_, group_;
};

}  // namespace

lister::lister(vfs::filesystem& files, proto::transfer_request request, const account& user_account, std::int64_t now,
               const std::atomic<bool>* cancelled)
    : files_(files), request_(std::move(request)), read_only_(user_account.read_only), now_(now), cancelled_(cancelled) {}

/// A file name may look like a pattern, and a directory name like an option: if it exists, it is used as a name.
void lister::find_name() {
    for (const proto::list_name& name : request_.names) {
        if (!files_.stat(name.path, vfs::may_block::yes)) continue;
        request_.path = name.path;
        request_.pattern.clear();
        if (request_.command == proto::verb::nlst) request_.prefix = name.text;
        break;
    }
    if (!request_.pattern.empty()) pattern_.emplace(request_.pattern);
    if (!request_.prefix.empty() && !request_.prefix.ends_with('/')) request_.prefix += '/';
}

result<void> lister::open() {
    find_name();
    auto opened = files_.open_directory(request_.path);
    if (opened) {
        directory_ = std::move(*opened);
        return {};
    }
    if (opened.error().code != errc::not_a_directory || request_.command == proto::verb::mlsd)
        return std::unexpected(opened.error());
    const result<vfs::status> file = files_.stat(request_.path, vfs::may_block::yes);
    if (!file) return std::unexpected(file.error());
    // The listing of a file is one line, with the name that the client sent.
    std::string name(request_.path.name());
    if (!request_.prefix.empty()) {
        request_.prefix.pop_back();
        name = std::exchange(request_.prefix, {});
    }
    request_.show_hidden = true;
    first_entries_.push_back({.name = std::move(name), .facts = *file, .link_target = {}});
    finished_ = true;
    return {};
}

result<void> lister::read(std::vector<vfs::entry>& entries) {
    if (cancelled_ != nullptr && *cancelled_) {
        stop();
        return fail(errc::cancelled);
    }
    const std::size_t before = entries.size();
    const result<void> done = directory_->read(entries);
    if (!done || entries.size() == before) stop();
    return done;
}

result<bool> lister::prepare(std::chrono::steady_clock::time_point until) {
    result<void> done;
    if (!opened_) done = open();
    opened_ = true;
    // MLSD has no order (RFC 3659 section 7): the client sorts the entries and gets the first lines sooner.
    const std::size_t wanted = request_.command == proto::verb::mlsd ? 0 : limits::max_sorted_entries + 1;
    while (done && !finished_ && first_entries_.size() < wanted) {
        if (std::chrono::steady_clock::now() >= until) return false;
        done = read(first_entries_);
    }
    if (!done) return std::unexpected(done.error());
    return true;
}

result<std::string> lister::first() {
    const result<bool> prepared = prepare(std::chrono::steady_clock::time_point::max());
    if (!prepared) return std::unexpected(prepared.error());
    if (request_.command == proto::verb::mlsd) return next();
    std::vector<vfs::entry> entries = std::move(first_entries_);
    if (finished_) std::ranges::sort(entries, {}, &vfs::entry::name);
    std::string out;
    line_writer lines(request_, pattern_, read_only_, now_);
    for (vfs::entry& found : entries) lines.append(out, found);
    return out;
}

result<std::string> lister::next() {
    std::vector<vfs::entry> entries;
    entries.reserve(vfs::directory::batch);
    std::string out;
    line_writer lines(request_, pattern_, read_only_, now_);
    const auto until = std::chrono::steady_clock::now() + limits::work_slice;
    while (!finished_ && out.size() < limits::listing_block_size && std::chrono::steady_clock::now() < until) {
        entries.clear();
        const result<void> done = read(entries);
        if (!done) return std::unexpected(done.error());
        for (vfs::entry& found : entries) lines.append(out, found);
    }
    return out;
}

std::string describe_entry(const virtual_path& path, const vfs::status& facts, const proto::fact_set& wanted,
                           bool read_only) {
    proto::entry line;
    describe_facts(line, facts, wanted, read_only);
    if (wanted.unix_owner) line.owner = vfs::user_name(facts.user);
    if (wanted.unix_group) line.group = vfs::group_name(facts.group);
    return proto::mlst_line(line, wanted, path.text());
}

}  // namespace sallyport::server
