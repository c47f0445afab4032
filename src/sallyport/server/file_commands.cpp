#include <sallyport/server/file_commands.hpp>

#include <chrono>
#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/server/lister.hpp>
#include <sallyport/server/read_ahead.hpp>

namespace sallyport::server {
namespace {

using proto::verb;

/// STAT of a directory is sent over the control connection, so its length is limited.
constexpr std::size_t max_stat_lines = 1000;

bool is_change(verb command) noexcept {
    return command == verb::dele || command == verb::rmd || command == verb::mkd || command == verb::rnto ||
           command == verb::mfmt;
}

result<void> change(vfs::filesystem& files, const proto::file_request& r) {
    switch (r.command) {
        case verb::dele: return files.remove_file(r.path);
        case verb::rmd: return files.remove_directory(r.path);
        case verb::mkd: return files.make_directory(r.path);
        case verb::rnto: return files.rename(r.from, r.path);
        case verb::mfmt: return files.set_modified(r.path, r.modified);
        default: return fail(errc::misuse);
    }
}

result<proto::file_result> answer(const proto::file_request& r, const vfs::status& found, bool read_only) {
    switch (r.command) {
        case verb::cwd:
        case verb::cdup:
            if (found.type != vfs::file_type::directory) return fail(errc::not_a_directory, r.path.text());
            return proto::file_result{};
        case verb::size:
        case verb::mdtm:
            if (found.type == vfs::file_type::directory) return fail(errc::is_a_directory, r.path.text());
            if (found.type != vfs::file_type::file) return fail(errc::not_a_file, r.path.text());
            return proto::file_result{.size = found.size, .modified = found.modified, .line = {}, .lines = {}};
        case verb::mlst: return proto::file_result{.line = describe_entry(r.path, found, r.facts, read_only), .lines = {}};
        case verb::rnfr: return proto::file_result{};
        default: return fail(errc::misuse);
    }
}

/// Moves lines from `rest` to `lines` up to the limit.
void append_lines(std::vector<std::string>& lines, std::string_view& rest) {
    while (!rest.empty() && lines.size() < max_stat_lines) {
        const std::size_t end = rest.find("\r\n");
        lines.emplace_back(rest.substr(0, end));
        rest.remove_prefix(end + 2);
    }
}

/// The lines of STAT with a path, in the format of LIST. Between two blocks, other work gets its turn on the disk's threads.
net::task<result<proto::file_result>> list_for_stat(std::shared_ptr<session_context> shared, disk_access disk,
                                                    account user_account, proto::transfer_request listing) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    listing.command = verb::list;
    lister source(shared->files_of(user_account), std::move(listing), user_account,
                  std::chrono::duration_cast<std::chrono::seconds>(now).count(), &disk.cancel_flag());
    proto::file_result out;
    bool complete = false;
    const auto append = [&out, &source, &complete](std::string_view rest) {
        append_lines(out.lines, rest);
        complete = rest.empty() && source.finished();
        return complete || out.lines.size() == max_stat_lines;
    };
    const result<std::string> first = co_await read_first(disk, source);
    if (!first) co_return std::unexpected(first.error());
    if (!append(*first)) {
        auto step = [&source, &append, slice = std::size_t{0}](net::deadline) mutable -> result<bool> {
            const result<std::string> block = source.next();
            if (!block) return std::unexpected(block.error());
            return append(*block) || ++slice == limits::max_stat_slices;
        };
        const result<void> done = co_await disk.run_in_slices(std::move(step));
        if (!done) co_return std::unexpected(done.error());
    }
    if (!complete) out.lines.emplace_back("and more; LIST shows all");
    co_return out;
}

}  // namespace

net::task<result<proto::file_result>> run_file_command(std::shared_ptr<session_context> shared, disk_access disk,
                                                       account user_account, proto::file_request request) {
    vfs::filesystem& files = shared->files_of(user_account);
    const bool changes = is_change(request.command);
    if (user_account.read_only && (changes || request.command == verb::rnfr))
        co_return fail(errc::permission, request.path.text());
    if (changes) {
        auto work = [&files, &request] { return change(files, request); };
        const result<void> done = co_await disk.run(std::move(work));
        if (!done) co_return std::unexpected(done.error());
        co_return proto::file_result{};
    }
    if (request.listing)
        co_return co_await list_for_stat(shared, disk, std::move(user_account), std::move(*request.listing));
    result<vfs::status> found = files.stat(request.path, vfs::may_block::no);
    if (!found && found.error().code == errc::busy) {
        auto work = [&files, &request] { return files.stat(request.path, vfs::may_block::yes); };
        found = co_await disk.run(std::move(work));
    }
    if (!found) co_return std::unexpected(found.error());
    co_return answer(request, *found, user_account.read_only);
}

}  // namespace sallyport::server
