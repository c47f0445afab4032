#include <sallyport/server/lister.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <utility>
#include <vector>

#include <sallyport/base/limits.hpp>
#include <sallyport/server/access_policy.hpp>
#include <sallyport/vfs/names.hpp>

namespace sallyport::server {
namespace {

// Entries of a sorted listing that are added without looking at the time and the size.
constexpr int sorted_at_a_time = 32;

proto::entry_type type_of(vfs::file_type type) noexcept {
    switch (type) {
        case vfs::file_type::file: return proto::entry_type::file;
        case vfs::file_type::directory: return proto::entry_type::directory;
        case vfs::file_type::link: return proto::entry_type::link;
        case vfs::file_type::other: return proto::entry_type::other;
    }
    return proto::entry_type::other;
}

void append_hex(std::string& out, std::uint64_t value) {
    std::array<char, 16> digits{};
    out.append(digits.data(), std::to_chars(digits.begin(), digits.end(), value, 16).ptr);
}

void describe_facts(proto::entry& line, const vfs::status& facts, const proto::fact_set& wanted) {
    line.type = type_of(facts.type);
    line.size = facts.size;
    line.modified = facts.modified;
    line.mode = facts.mode;
    line.links = facts.links;
    line.unique.clear();
    if (!wanted.unique) return;
    append_hex(line.unique, facts.device);
    line.unique += 'g';
    append_hex(line.unique, facts.inode);
}

}  // namespace

class line_maker {
public:
    line_maker(const proto::transfer_request& request, const account& user, std::int64_t now)
        : request_(request), user_(user), now_(now) {}

    void append(std::string& out, vfs::entry& found) {
        if (request_.command == proto::verb::nlst) {
            proto::append_name(out, request_.prefix);
            proto::append_name(out, found.name);
            out += "\r\n";
            return;
        }
        describe_facts(line_, found.facts, request_.facts);
        if (is_for_machines() && request_.facts.perm) name_permissions(found);
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
        return !user_.hide_ids && (!is_for_machines() || request_.facts.unix_owner || request_.facts.unix_group);
    }

    void name_permissions(const vfs::entry& found) {
        if (has_uniform_permissions(user_)) {
            if (permissions_of_ != found.facts.type) line_.perm = permissions_of(user_, request_.path, found.facts.type);
            permissions_of_ = found.facts.type;
            return;
        }
        const auto path = request_.path.resolve(found.name);
        line_.perm = path ? permissions_of(user_, *path, found.facts.type) : std::string();
    }

    void name_owner(const vfs::status& facts) {
        if (owner_ != facts.user) line_.owner = vfs::user_name(facts.user);
        if (group_ != facts.group) line_.group = vfs::group_name(facts.group);
        owner_ = facts.user;
        group_ = facts.group;
    }

    const proto::transfer_request& request_;
    const account& user_;
    std::int64_t now_;
    // Reused between lines, so that its strings keep their memory.
    proto::entry line_;
    // The user and group that `line_` contains.
    std::optional<std::uint32_t> owner_, group_;
    // The type whose permissions it contains.
    std::optional<vfs::file_type> permissions_of_;
};

lister::lister(vfs::filesystem& files, proto::transfer_request request, account_ptr user_account, std::int64_t now,
               const std::atomic<bool>* cancelled)
    : files_(files), request_(std::move(request)), user_(std::move(user_account)), now_(now), cancelled_(cancelled) {}

/// A file name may look like a pattern, and a directory name like an option: if it exists, it is used as a name.
void lister::find_name() {
    for (const proto::list_name& name : request_.names) {
        if (!check_access(*user_, request_.command, name.path)) continue;
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
    if (auto access = check_access(*user_, request_.command, request_.path); !access) return access;
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
    finished_ = true;
    if (!is_wanted(name)) return {};
    vfs::entry only{.name = std::move(name), .facts = *file, .link_target = {}};
    line_maker(request_, *user_, now_).append(single_line_, only);
    return {};
}

bool lister::is_wanted(std::string_view name) const {
    const bool includes_hidden = request_.show_hidden || request_.pattern.starts_with('.');
    if (request_.command != proto::verb::mlsd && !includes_hidden && name.starts_with('.')) return false;
    if (is_hidden(*user_, name)) return false;
    return !pattern_ || pattern_->matches(name);
}

result<bool> lister::prepare(std::chrono::steady_clock::time_point until) {
    result<void> done;
    if (!std::exchange(opened_, true)) {
        done = open();
        if (done && !finished_ && request_.command != proto::verb::mlsd)
            sorted_.emplace(*directory_, [this](std::string_view name) { return is_wanted(name); }, cancelled_);
        starting_ = sorted_.has_value();
    }
    while (done && starting_) {
        const result<sorted_names::state> started = sorted_->start(until);
        if (!started) {
            done = std::unexpected(started.error());
            break;
        }
        if (*started == sorted_names::state::incomplete) return false;
        starting_ = false;
        finished_ = *started == sorted_names::state::sorted && sorted_->finished();
        if (*started == sorted_names::state::sorted) break;
        sorted_.reset();
        done = directory_->rewind();
    }
    if (done) return true;
    stop();
    return std::unexpected(done.error());
}

result<std::string> lister::first(std::size_t size) {
    const result<bool> prepared = prepare(std::chrono::steady_clock::time_point::max());
    if (!prepared) return std::unexpected(prepared.error());
    // A directory that is too large to be sorted has taken its time already.
    const bool unsorted = !sorted_ && request_.command != proto::verb::mlsd;
    return finished_ || unsorted ? result<std::string>(std::move(single_line_)) : next(size);
}

result<std::string> lister::next(std::size_t size) {
    std::string out;
    out.reserve(size);
    line_maker lines(request_, *user_, now_);
    const auto until = std::chrono::steady_clock::now() + limits::work_slice;
    // Some lines are added at a time.
    while (!finished_ && out.size() < size / 4 * 3 && std::chrono::steady_clock::now() < until) {
        result<void> done;
        if (cancelled_ != nullptr && *cancelled_) done = fail(errc::cancelled);
        if (done) done = sorted_ ? append_sorted(lines, out) : append_batch(lines, out);
        if (done) continue;
        stop();
        return std::unexpected(done.error());
    }
    // It may wait for a slow client.
    if (out.capacity() - out.size() > out.size() / 4) out.shrink_to_fit();
    return out;
}

result<void> lister::append_sorted(line_maker& lines, std::string& out) {
    for (int i = 0; i < sorted_at_a_time && !sorted_->finished(); ++i) {
        auto name = sorted_->next();
        if (!name) return std::unexpected(name.error());
        if (!*name) break;
        const result<void> done = append_entry(lines, out, std::move(**name));
        if (!done) return done;
    }
    if (sorted_->finished()) stop();
    return {};
}

result<void> lister::append_batch(line_maker& lines, std::string& out) {
    std::vector<std::string> names;
    names.reserve(vfs::directory::batch);
    result<void> done = directory_->read_names(names);
    if (names.empty()) stop();
    for (std::string& name : names) {
        if (done && is_wanted(name)) done = append_entry(lines, out, std::move(name));
    }
    return done;
}

result<void> lister::append_entry(line_maker& lines, std::string& out, std::string name) {
    vfs::entry item{.name = std::move(name), .facts = {}, .link_target = {}};
    const auto found = directory_->find(item);
    if (!found) return std::unexpected(found.error());
    if (*found) lines.append(out, item);
    return {};
}

std::string describe_entry(const virtual_path& path, const vfs::status& facts, const proto::fact_set& wanted,
                           const account& user) {
    proto::entry line;
    describe_facts(line, facts, wanted);
    if (wanted.perm) line.perm = permissions_of(user, path, facts.type);
    if (wanted.unix_owner && !user.hide_ids) line.owner = vfs::user_name(facts.user);
    if (wanted.unix_group && !user.hide_ids) line.group = vfs::group_name(facts.group);
    return proto::mlst_line(line, wanted, path.text());
}

}  // namespace sallyport::server
