#include <sallyport/client/resume.hpp>

#include <sallyport/client/data_handler.hpp>
#include <sallyport/client/overlap_check.hpp>
#include <sallyport/client/remote_file.hpp>

namespace sallyport::client {
namespace {

/// Compares the end of the server's part. Sallyport's server has it under another name until it is complete, with one byte
/// more than what it says with SIZE.
net::task<std::string> reason_of_end(connection& conn, const partial_upload& upload) {
    constexpr int refused = 550;
    std::string first;
    for (const std::uint64_t more : {0U, 1U}) {
        const auto path = upload.path + (more == 0 ? "" : ".partial");
        const auto stored = upload.stored + more;
        tail_receiver handler(overlap_check(upload.file, stored, stored));
        proto::client_transfer order{proto::verb::retr, path, handler.tail().start(), false};
        const auto reply = co_await conn.transfer(std::move(order), handler);
        if (handler.tail().is_different()) co_return "the end of the server's part differs from the local file";
        const auto& data = conn.data();
        if (!reply && data && !data->failure && handler.tail().is_same()) co_return std::string();
        const auto why = reply                   ? ": " + reply->cause.text()
                         : data && data->failure ? ": " + data->failure->text()
                                                 : std::string();
        if (first.empty()) first = "the server's part cannot be compared with the local file" + why;
        if (!reply || reply->reply_code != refused) break;
    }
    co_return first;
}

}  // namespace

std::string reason_not_to_resume(const std::optional<file_version>& recorded, const std::optional<file_version>& now,
                                 std::uint64_t have) {
    if (!now) return "the server does not report both the size and the time of the file";
    if (!recorded) return "there is no record of which file the partial one was received from";
    if (*recorded != *now) return "the file on the server has changed since then";
    if (have > now->size) return "the partial file is longer than the file on the server";
    return {};
}

net::task<std::string> reason_not_to_resume(connection& conn, partial_upload upload) {
    if (upload.stored > upload.length) co_return "the file on the server is longer than the local file";
    // The clocks may differ. If the server's is fast, the bytes still have to match; if it is slow, at worst the complete
    // file is sent.
    auto uploaded = co_await modification_time(conn, upload.path);
    if (!uploaded) uploaded = co_await modification_time(conn, upload.path + ".partial");
    if (uploaded && upload.modified > *uploaded) co_return "the local file was changed after the server's part was stored";

    co_return co_await reason_of_end(conn, upload);
}

}  // namespace sallyport::client
