#include <sallyport/client/resume.hpp>

#include <sallyport/client/data_handler.hpp>
#include <sallyport/client/overlap_check.hpp>
#include <sallyport/client/remote_file.hpp>

namespace sallyport::client {

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
    auto path = upload.path;
    auto stored = upload.stored;
    if (!uploaded) {
        // Until it is complete, Sallyport's server has it under another name, with one byte more than what SIZE says.
        uploaded = co_await modification_time(conn, upload.path + ".partial");
        if (uploaded) path += ".partial";
        if (uploaded) ++stored;
    }
    if (uploaded && upload.modified > *uploaded) co_return "the local file was changed after the server's part was stored";

    tail_receiver handler(overlap_check(upload.file, stored, stored));
    proto::client_transfer order{proto::verb::retr, std::move(path), handler.tail().start(), false};
    const auto reply = co_await conn.transfer(std::move(order), handler);
    if (handler.tail().is_different()) co_return "the end of the server's part differs from the local file";
    const auto& data = conn.data();
    if (!reply && data && !data->failure && handler.tail().is_same()) co_return std::string();
    co_return "the server's part cannot be compared with the local file" + (reply ? ": " + reply->cause.text()
                                                                            : data && data->failure
                                                                                ? ": " + data->failure->text()
                                                                                : std::string());
}

}  // namespace sallyport::client
