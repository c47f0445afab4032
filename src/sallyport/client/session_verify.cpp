#include <sallyport/client/session_impl.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/client/file_hash.hpp>

namespace sallyport::client {

namespace {

/// Unless the user demands a hash, a server is not asked to read a larger file again.
constexpr std::uint64_t max_automatic_hash = std::uint64_t{1} << 30U;

client_failure unverified(errc code, std::string why) { return {step::verification, error{code, 0, std::move(why)}}; }

}  // namespace

/// Before the transfer: what the options require and this transfer cannot have.
std::optional<client_failure> session::impl::check_verification(bool has_whole_file) const {
    const bool by_hash = opts.verify == verify_by::hash;
    if (location.ascii && (by_hash || opts.verify == verify_by::size))
        return unverified(errc::unsupported,
                          "the copy of a text transfer (;type=a) differs from the file, so it cannot be "
                          "verified");
    if (by_hash && !has_whole_file)
        return unverified(errc::unsupported,
                          "only a regular local file that is the whole file of the server can be verified by hash; "
                          "verify by size");
    if (by_hash && hash_command(conn.facts().features()).empty())
        return unverified(errc::unsupported,
                          "the server offers no command for hashes of files (HASH, XSHA256 and others); verify by size");
    return std::nullopt;
}

/// After a complete transfer. `consists_of_parts`: not all bytes were moved by this transfer. A failure shows that the
/// copies differ, or that it is not known although the options require it.
net::task<std::optional<client_failure>> session::impl::verify(std::string remote, int file, std::uint64_t length,
                                                               bool consists_of_parts, transfer_report& report) {
    if (opts.verify == verify_by::none || location.ascii) co_return std::nullopt;
    if (report.size) report.verified = "size";
    const bool is_required = opts.verify == verify_by::hash;
    if (report.moved_away && opts.verify != verify_by::automatic)
        co_return unverified(errc::not_found,
                             "the server confirmed the upload, but moved or hid the file at once, so it cannot be verified");
    if (opts.verify == verify_by::size && !report.size)
        co_return unverified(errc::unsupported,
                             "the server did not report the size of the file, so the copy cannot be verified");
    const bool is_wanted =
        is_required || (opts.verify == verify_by::automatic && consists_of_parts && length <= max_automatic_hash);
    const auto command = hash_command(conn.facts().features());
    if (!is_wanted || command.empty() || remote.empty()) co_return std::nullopt;
    auto argument = hash_argument(command, remote);
    const auto reply = co_await conn.named_request(command, std::move(argument));
    if (!reply) co_return reply.error();
    const auto theirs = hash_in(command, *reply);
    if (!theirs && is_required)
        co_return unverified(errc::rejected, "the server sent no hash of the file: " + proto::summary(*reply));
    if (!theirs) co_return std::nullopt;
    const auto ours = hash_of(file, length, theirs->algorithm);
    if (!ours) co_return client_failure{step::local_file, ours.error()};
    if (*ours != theirs->digits)
        co_return unverified(errc::unexpected,
                             fmt::format("the copies differ: the {} of the local file is {}, that of the server's file is "
                                         "{}; transfer the whole file again",
                                         name(theirs->algorithm), *ours, theirs->digits));
    report.verified = name(theirs->algorithm);
    co_return std::nullopt;
}

net::task<outcome<std::string>> session::verify(std::string path, int file, std::uint64_t size) {
    auto& me = *impl_;
    me.start_call(operation::get, fmt::format("verifying {} at {}", path, me.location.authority()), path);
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    transfer_report report;
    report.size = size;
    auto differs = co_await me.verify(path, file, size, true, report);
    if (differs) co_return me.failed(std::move(*differs));
    co_return report.verified;
}

net::task<outcome<void>> session::get_part(std::string path, int local_file, file_part& part, progress on_progress) {
    auto& me = *impl_;
    if (part.at >= part.end) co_return outcome<void>{};
    me.start_call(operation::get, fmt::format("getting a part of {} from {}", path, me.location.authority()), path);
    if (auto refused = me.check_verification(true)) co_return me.failed(std::move(*refused));
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    part_receiver handler(local_file, part, std::move(on_progress));
    client_transfer order{verb::retr, path, part.at, false};
    const auto reply = co_await me.transfer(std::move(order), handler);
    // A part that has ended was cut off here; what the server says about that does not matter.
    if (handler.is_complete()) co_return outcome<void>{};
    if (handler.is_too_long())
        co_return me.failed(step::transfer, errc::unexpected,
                            "the server sent more than the rest of the file: it ignores REST, or the file has grown");
    if (reply && reply->at != step::transfer) co_return me.failed(*reply);
    transfer_report report;
    me.describe(report);
    if (auto failed_step = me.judge(report, false)) co_return me.failed(std::move(*failed_step));
    co_return me.failed(step::transfer, errc::truncated, "the server sent less than the rest of the file");
}

}  // namespace sallyport::client
