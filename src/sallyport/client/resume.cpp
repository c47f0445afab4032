#include <sallyport/client/resume.hpp>

#include <sallyport/client/data_job.hpp>
#include <sallyport/client/kept_tail.hpp>
#include <sallyport/client/remote_file.hpp>

namespace sallyport::client {

std::string why_not_continue(const std::optional<file_version>& recorded, const std::optional<file_version>& now,
                             std::uint64_t have) {
    if (!now) return "the server does not report both the size and the time of the file";
    if (!recorded) return "there is no record of which file the partial one was received from";
    if (*recorded != *now) return "the file on the server has changed since then";
    if (have > now->size) return "the partial file is longer than the file on the server";
    return {};
}

net::task<std::string> why_not_continue(connection& talk, started_upload what) {
    if (what.stored > what.length) co_return "the file on the server is longer than the local file";
    // Clocks may differ. If the server's is ahead the bytes still have to agree; if it is behind, at worst too much is sent.
    const auto uploaded = co_await modification_time(talk, what.path);
    if (uploaded && what.modified > *uploaded) co_return "the local file was changed after the server's part was stored";

    tail_receiver job(kept_tail(what.file, what.stored, what.stored));
    proto::client_transfer order{proto::verb::retr, what.path, job.tail().start(), false};
    const auto said = co_await talk.transfer(std::move(order), job);
    if (job.tail().is_different()) co_return "the end of the server's part differs from the local file";
    const auto& data = talk.data();
    if (!said && data && !data->failure && job.tail().is_same()) co_return std::string();
    co_return "the server's part cannot be compared with the local file" + (said ? ": " + said->cause.text()
                                                                            : data && data->failure
                                                                                ? ": " + data->failure->text()
                                                                                : std::string());
}

}  // namespace sallyport::client
