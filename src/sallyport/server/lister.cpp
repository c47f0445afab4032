#include <sallyport/server/lister.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include <sallyport/server/wildcard.hpp>
#include <sallyport/vfs/names.hpp>

namespace sallyport::server {
namespace {

constexpr std::size_t batch = 1024;
/// A directory of up to so many entries is listed in the order of names, as people expect it; a larger one as it comes,
/// for sorting would mean to hold it all.
constexpr std::size_t sorted_most = 4096;

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

void describe_facts(proto::entry& line, const vfs::status& facts, const proto::fact_set& wanted, bool read_only) {
    line.type = type_of(facts.type);
    line.size = facts.size;
    line.modified = facts.modified;
    line.mode = facts.mode;
    line.links = facts.links;
    line.perm = permissions(facts.type, read_only);
    line.unique.clear();
    if (wanted.unique) fmt::format_to(std::back_inserter(line.unique), "{:x}g{:x}", facts.device, facts.inode);
}

}  // namespace

lister::lister(vfs::filesystem& files, proto::transfer_request request, const account& who, std::int64_t now)
    : files_(files), request_(std::move(request)), read_only_(who.read_only), now_(now) {
    if (!request_.prefix.empty() && !request_.prefix.ends_with('/')) request_.prefix += '/';
}

result<void> lister::open() {
    if (!request_.pattern.empty()) {
        // A file may be called like a pattern.
        const auto literal = request_.path.resolve(request_.pattern);
        if (literal && files_.stat(*literal, vfs::may_block::yes)) {
            request_.path = *literal;
            request_.prefix += request_.pattern + "/";
            request_.pattern.clear();
        }
    }
    auto opened = files_.open_directory(request_.path);
    if (opened) {
        directory_ = std::move(*opened);
        return {};
    }
    if (opened.error().code != errc::not_a_directory || request_.what == proto::verb::mlsd)
        return std::unexpected(opened.error());
    const result<vfs::status> file = files_.stat(request_.path, vfs::may_block::yes);
    if (!file) return std::unexpected(file.error());
    // A listing of a file is its own line, under the name it was asked by.
    std::string name(request_.path.name());
    if (!request_.prefix.empty()) {
        request_.prefix.pop_back();
        name = std::exchange(request_.prefix, {});
    }
    request_.show_hidden = true;
    batch_.push_back({.name = std::move(name), .facts = *file, .link_target = {}});
    return {};
}

result<void> lister::read_first() {
    while (directory_ != nullptr && batch_.size() < sorted_most) {
        const std::size_t before = batch_.size();
        const result<void> read = directory_->read(batch_, sorted_most - before);
        if (!read) return read;
        if (batch_.size() == before) directory_.reset();
    }
    if (directory_ == nullptr) std::ranges::sort(batch_, {}, &vfs::entry::name);
    return {};
}

result<std::string> lister::next() {
    std::string out;
    if (!std::exchange(opened_, true)) {
        const result<void> opened = open();
        if (!opened) return std::unexpected(opened.error());
        const result<void> read = read_first();
        if (!read) return std::unexpected(read.error());
        for (vfs::entry& found : batch_) append(out, found);
    }
    while (directory_ != nullptr && out.size() < block_bytes) {
        batch_.clear();
        const result<void> read = directory_->read(batch_, batch);
        if (!read) return std::unexpected(read.error());
        if (batch_.empty()) directory_.reset();
        for (vfs::entry& found : batch_) append(out, found);
    }
    return out;
}

void lister::append(std::string& out, vfs::entry& found) {
    const bool machine_form = request_.what == proto::verb::mlsd;
    if (!machine_form && !request_.show_hidden && found.name.starts_with('.')) return;
    if (!request_.pattern.empty() && !matches_wildcard(request_.pattern, found.name)) return;
    if (request_.what == proto::verb::nlst) {
        // A name with a line end in it can't be said in NLST; any other control byte is the client's to show.
        if (found.name.find_first_of("\r\n") != std::string::npos) return;
        out.append(request_.prefix).append(found.name).append("\r\n");
        return;
    }
    describe_facts(line_, found.facts, request_.facts, read_only_);
    line_.name.swap(found.name);
    line_.link_target.swap(found.link_target);
    const bool with_owner = !machine_form || request_.facts.unix_owner || request_.facts.unix_group;
    if (with_owner && (!names_known_ || named_user_ != found.facts.user || named_group_ != found.facts.group)) {
        line_.owner = vfs::user_name(found.facts.user);
        line_.group = vfs::group_name(found.facts.group);
        named_user_ = found.facts.user;
        named_group_ = found.facts.group;
        names_known_ = true;
    }
    if (machine_form)
        proto::append_mlsx(out, line_, request_.facts);
    else
        proto::append_unix_line(out, line_, now_);
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
