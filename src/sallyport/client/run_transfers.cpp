#include <sallyport/client/run_transfers.hpp>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include <sys/stat.h>

#include <sallyport/client/lanes.hpp>
#include <sallyport/client/part_download.hpp>
#include <sallyport/client/remote_change.hpp>
#include <sallyport/client/remote_file.hpp>

namespace sallyport::client {

namespace {

using proto::verb;

/// What the work on one file needs; it outlives the work.
struct transfer_job {
    transfer& one;
    transfer_options how;
    transfer_counters& counters;
    /// A text transfer (;type=a) cannot be continued.
    bool can_resume = true;
    /// Another file will follow on the same connection, so that its data connection can be negotiated meanwhile.
    bool is_followed = false;
    /// How far any try has come: a later one counts only what is beyond. Not 0: this run has written to the target.
    std::uint64_t farthest = 0;
    /// A failure after which the work must not be begun again: a part was appended.
    std::optional<failure> final_failure{};

    [[nodiscard]] progress count_progress() {
        return [this](std::uint64_t done, std::optional<std::uint64_t> /*size*/) {
            if (done > farthest) counters.bytes += done - std::exchange(farthest, done);
        };
    }
};

std::unexpected<failure> failed_locally(error why, std::string action) {
    return std::unexpected(failure::of_local_file(std::move(why), std::move(action)));
}

net::task<std::optional<std::int64_t>> time_on_server(session& on, const transfer_job& job) {
    if (job.one.listed && job.one.listed->modified) co_return job.one.listed->modified;
    const auto reply = co_await on.request(verb::mdtm, job.one.remote);
    if (!reply) co_return std::nullopt;
    co_return time_in(*reply);
}

/// For a file that was not listed; one without a known size is transferred.
net::task<bool> is_too_large(session& on, const transfer_job& job) {
    if (job.how.max_size == 0 || job.one.listed) co_return false;
    const auto facts = co_await on.stat(job.one.remote);
    co_return facts && facts->has_size && facts->size > job.how.max_size;
}

/// False if the options say that the local file stays.
net::task<outcome<bool>> is_wanted(session& on, const transfer_job& job) {
    const bool too_large = co_await is_too_large(on, job);
    if (too_large) {
        job.one.warnings.emplace_back("skipped, because it is larger than the maximum");
        co_return false;
    }
    if (job.how.existing == existing_file::replace) co_return true;
    const auto there = job.one.tree->status(job.one.local);
    if (!there) co_return failed_locally(there.error(), "looking for the local file");
    if (!*there) co_return true;
    if (job.how.existing == existing_file::keep) co_return false;
    const auto time = co_await time_on_server(on, job);
    if (!time) job.one.warnings.emplace_back("replaced without comparing, because the server does not report its time");
    co_return !time || *time > (**there).modified;
}

net::task<outcome<void>> download(session& on, int try_number, transfer_job& job) {
    auto& one = job.one;
    one.tries = try_number;
    one.warnings.clear();
    const auto wanted = co_await is_wanted(on, job);
    if (!wanted) co_return std::unexpected(wanted.error());
    if (!*wanted) {
        one.state = transfer_state::skipped;
        co_return outcome<void>{};
    }
    const bool resume = job.how.resume || (try_number > 1 && job.can_resume);
    auto file = job.one.tree->open_part(one.local, resume);
    if (!file) co_return failed_locally(file.error(), "opening the local file");
    download_resume from{.wanted = resume};
    // The listing may be old by now: a file that is continued, or that had another size than listed, is asked for again.
    if (try_number == 1 && !file->recorded()) from.listed = one.listed;
    auto received = co_await receive(on, one.remote, *file, std::move(from), job.count_progress());
    if (received && job.how.keep_times)
        if (const auto time = co_await time_on_server(on, job)) file->set_modified(*time);
    auto got = finish(*file, std::move(received), one.partial_file);
    if (!got) co_return std::unexpected(std::move(got.error()));
    one.bytes = got->bytes;
    std::ranges::move(got->warnings, std::back_inserter(one.warnings));
    if (!job.how.then_delete) co_return outcome<void>{};
    if (!got->size) {
        one.warnings.emplace_back("kept on the server, because the server did not report its size");
        co_return outcome<void>{};
    }
    auto removal = removing_file(one.remote, " after its download");
    const auto deleted = co_await on.apply(std::move(removal));
    if (!deleted) co_return std::unexpected(deleted.error());
    co_return outcome<void>{};
}

/// MFMT, or MDTM with two arguments, which older servers understand.
net::task<> set_time_on_server(session& on, std::string path, std::int64_t seconds, transfer_counters& counters) {
    if (counters.times_refused || on.set_time_later(path, seconds)) co_return;
    const std::string argument = proto::format_time(seconds) + ' ' + path;
    for (const auto how : {verb::mfmt, verb::mdtm}) {
        const auto reply = co_await on.request(how, argument);
        if (!reply || reply->positive()) co_return;
        // A refusal for this file only; servers without MFMT answer 500 or 502.
        if (how == verb::mfmt && reply->code / 10 != 50) co_return;
    }
    counters.times_refused = true;
}

std::string remote_directory(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

upload_mode mode_of(const transfer_job& job) {
    if (job.how.upload == upload_mode::append || job.how.upload == upload_mode::unique) return job.how.upload;
    // Only what this run has begun to store: the file that was there before may have the same size and end.
    const bool resume = job.how.resume || (job.farthest > 0 && job.can_resume);
    return resume ? upload_mode::resume : upload_mode::replace;
}

bool is_unchanged(int file, const struct ::stat& before) {
    struct ::stat now{};
    return ::fstat(file, &now) == 0 && now.st_size == before.st_size && now.st_mtim.tv_sec == before.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == before.st_mtim.tv_nsec;
}

/// Deletes the local file after its upload, unless something speaks against it.
outcome<void> delete_source(transfer& one, bool is_verified, bool unchanged) {
    if (!is_verified || !unchanged) {
        one.warnings.emplace_back(unchanged ? "kept, because the server did not report the size of its file"
                                            : "kept, because it was changed during the upload");
        return {};
    }
    if (auto removed = one.tree->remove_file(one.local); !removed)
        return failed_locally(removed.error(), "removing " + one.tree->shown(one.local) + " after its upload");
    return {};
}

net::task<outcome<void>> upload(session& on, int try_number, transfer_job& job) {
    auto& one = job.one;
    one.tries = try_number;
    one.warnings.clear();
    const auto file = job.one.tree->open_file(one.local);
    if (!file) co_return failed_locally(file.error(), "opening the local file");
    struct ::stat about{};
    if (::fstat(file->get(), &about) != 0) co_return failed_locally(error{errc::io, errno, one.local}, "reading its time");
    const auto mode = mode_of(job);
    const bool unique = mode == upload_mode::unique;
    auto target = job.how.temp_name ? one.remote + ".part" : one.remote;
    auto place = unique ? remote_directory(one.remote) : target;
    auto put = co_await on.put(file->get(), std::move(place), mode, job.count_progress());
    if (!put && job.how.upload != upload_mode::replace && job.farthest > 0) {
        job.final_failure = std::move(put.error());
        co_return outcome<void>{};
    }
    if (!put) co_return std::unexpected(std::move(put.error()));
    one.stored_as = put->stored_as;
    if (unique) target = one.stored_as.empty() ? std::string() : remote_directory(one.remote) + one.stored_as;
    one.bytes = put->bytes;
    std::ranges::move(put->warnings, std::back_inserter(one.warnings));
    if (job.how.keep_times && !target.empty()) co_await set_time_on_server(on, target, about.st_mtim.tv_sec, job.counters);
    if (job.how.temp_name) {
        auto final_name = renaming(target, one.remote);
        const auto renamed = co_await on.apply(std::move(final_name));
        if (!renamed) co_return std::unexpected(renamed.error());
    }
    if (!job.how.then_delete) co_return outcome<void>{};
    co_return delete_source(one, put->size.has_value(), is_unchanged(file->get(), about));
}

net::task<> run_one(pool& connections, transfer_job job) {
    if (job.one.state != transfer_state::waiting) co_return;
    const pool::work what = [&job](session& on, int try_number) {
        if (!job.is_followed) on.set_pipelining(false);
        return job.one.way == direction::download ? download(on, try_number, job) : upload(on, try_number, job);
    };
    auto got = co_await connections.run(what);
    if (got && job.final_failure) got = std::unexpected(std::move(*job.final_failure));
    auto& one = job.one;
    if (got && one.state == transfer_state::skipped) {
        ++job.counters.skipped;
    } else if (got) {
        one.state = transfer_state::done;
        ++job.counters.done;
    } else {
        const bool is_cancelled = connections.is_cancelled();
        one.state = is_cancelled ? transfer_state::cancelled : transfer_state::failed;
        one.why = std::move(got.error());
        if (!is_cancelled) ++job.counters.failed;
    }
}

}  // namespace

net::task<> run_transfers(pool& connections, std::vector<transfer>& all, transfer_options how, transfer_counters& counters) {
    const auto lanes = connections.lanes();
    co_await run_each(connections.home(), lanes, all.size(), [&](std::size_t i) {
        return run_one(connections, {all[i], how, counters, !connections.site().ascii, i + lanes < all.size(), 0, {}});
    });
}

}  // namespace sallyport::client
