#include <sallyport/server/file_commands.hpp>

#include <chrono>
#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/wall_clock.hpp>
#include <sallyport/server/access_policy.hpp>
#include <sallyport/server/file_hash.hpp>
#include <sallyport/server/partial_upload.hpp>
#include <sallyport/server/read_ahead.hpp>
#include <sallyport/server/write_refusal.hpp>

namespace sallyport::server {
namespace {

using proto::verb;

/// STAT of a directory is sent over the control connection, so its length is limited.
constexpr std::size_t max_stat_lines = 1000;
constexpr std::size_t block_size = limits::control_read_size;

bool is_change(verb command) noexcept {
    return command == verb::dele || command == verb::rmd || command == verb::mkd || command == verb::rnto ||
           command == verb::mfmt || command == verb::mff || command == verb::site;
}

result<void> change_facts(vfs::filesystem& files, const proto::file_request& r) {
    if (r.mode) {
        if (auto done = files.set_mode(r.path, *r.mode); !done) return done;
    }
    return r.modified ? files.set_modified(r.path, *r.modified) : result<void>();
}

result<void> change(vfs::filesystem& files, const proto::file_request& r, vfs::existing_target existing) {
    switch (r.command) {
        case verb::dele: return files.remove_file(r.path);
        case verb::rmd: return files.remove_directory(r.path);
        case verb::mkd: return files.make_directory(r.path);
        case verb::rnto: return files.rename(r.from, r.path, existing);
        case verb::mfmt:
        case verb::mff:
        case verb::site: return change_facts(files, r);
        default: return fail(errc::misuse);
    }
}

result<proto::file_result> answer(const proto::file_request& r, const vfs::status& found, const account& user) {
    switch (r.command) {
        case verb::cwd:
        case verb::cdup:
            if (found.type != vfs::file_type::directory) return fail(errc::not_a_directory, r.path.text());
            return proto::file_result{};
        case verb::size:
        case verb::mdtm:
            if (found.type == vfs::file_type::directory) return fail(errc::is_a_directory, r.path.text());
            if (found.type != vfs::file_type::file) return fail(errc::not_a_file, r.path.text());
            return proto::file_result{.size = found.size, .modified = found.modified, .line = {}};
        case verb::mlst: return proto::file_result{.line = describe_entry(r.path, found, r.facts, user)};
        case verb::rnfr: return proto::file_result{};
        default: return fail(errc::misuse);
    }
}

/// For RNTO, with what happens to an existing file.
result<vfs::existing_target> access_for(const account& user, const proto::file_request& r) {
    if (r.command == verb::rnto) return check_rename(user, r.from, r.path);
    if (auto good = check_access(user, r.command, r.path); !good) return std::unexpected(good.error());
    return vfs::existing_target::keep;
}

proto::transfer_request as_list(proto::transfer_request listing) {
    listing.command = verb::list;
    return listing;
}

}  // namespace

status_listing::status_listing(std::shared_ptr<session_context> shared, const disk_access& disk,
                               const account_ptr& user_account, proto::transfer_request listing)
    : shared_(std::move(shared)),
      disk_(disk),
      source_(shared_->files_of(*user_account), as_list(std::move(listing)), user_account, seconds_now(),
              &disk_.cancel_flag()) {}

net::task<result<std::string>> status_listing::next() {
    while (!complete_) {
        if (slices_ == limits::max_stat_slices || lines_ == max_stat_lines) {
            complete_ = true;
            co_return std::string("and more; LIST shows all\r\n");
        }
        result<std::string> block = co_await read();
        ++slices_;
        complete_ = !block || source_.finished();
        if (!block) co_return block;
        const std::size_t size = size_of_lines(*block);
        if (size < block->size()) complete_ = false;
        block->resize(size);
        if (!block->empty()) co_return block;
    }
    co_return std::string();
}

net::task<result<std::string>> status_listing::read() {
    if (slices_ == 0) return read_first(disk_, source_, block_size);
    return disk_.run([this] { return source_.next(block_size); });
}

/// Counts lines up to the limit, and returns their size.
std::size_t status_listing::size_of_lines(std::string_view block) {
    std::size_t size = 0;
    while (size < block.size() && lines_ < max_stat_lines) {
        size = block.find("\r\n", size) + 2;
        ++lines_;
    }
    return size;
}

net::task<result<proto::file_result>> run_file_command(std::shared_ptr<session_context> shared, disk_access disk,
                                                       active_account& user, proto::file_request request) {
    const account_ptr user_account = user.who;
    const auto access = access_for(*user_account, request);
    if (!access) co_return std::unexpected(access.error());
    vfs::filesystem& files = shared->files_of(*user_account);
    if (proto::requests_hash(request.command)) co_return co_await hash_file(files, disk, std::move(request));
    if (is_change(request.command)) {
        auto work = [&files, &request, existing = *access] { return change(files, request, existing); };
        result<void> done = co_await disk.run(std::move(work));
        if (!done) co_return std::unexpected(with_reason_of_refusal(std::move(done.error())));
        co_return proto::file_result{};
    }
    if (request.command == verb::avbl) {
        auto work = [&files, &request] { return files.free_bytes(request.path); };
        const result<std::uint64_t> bytes = co_await disk.run(std::move(work));
        if (!bytes) co_return std::unexpected(bytes.error());
        co_return proto::file_result{.size = *bytes, .line = {}};
    }
    result<vfs::status> found = files.stat(request.path, vfs::may_block::no);
    if (!found && found.error().code == errc::busy) {
        auto work = [&files, &request] { return files.stat(request.path, vfs::may_block::yes); };
        found = co_await disk.run(std::move(work));
    }
    if (!found && found.error().code == errc::not_found && request.command == verb::size &&
        shared->config.keep_partial_uploads) {
        auto work = [&files, &request, &who = *user_account] { return part_size(files, who, request.path); };
        const auto size = co_await disk.run(std::move(work));
        if (size) co_return proto::file_result{.size = *size, .line = {}};
    }
    if (!found) co_return std::unexpected(found.error());
    result<proto::file_result> out = answer(request, *found, *user_account);
    const bool shows_text = request.command == verb::cwd || request.command == verb::cdup;
    if (out && shows_text && !shared->config.message_file.empty())
        out->message = co_await user.messages.take(disk, files, request.path, shared->config.message_file);
    co_return out;
}

}  // namespace sallyport::server
