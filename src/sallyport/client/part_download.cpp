#include <sallyport/client/part_download.hpp>

#include <utility>

namespace sallyport::client {

net::task<outcome<transfer_report>> receive(session& on, std::string path, part_file& to, download_resume how,
                                            progress on_progress) {
    how.recorded = to.recorded();
    how.record = [&to](const std::optional<file_version>& version) { to.record(version); };
    auto got = co_await on.get(std::move(path), to.get(), std::move(how), std::move(on_progress));
    co_return got;
}

outcome<transfer_report> finish(part_file& file, outcome<transfer_report> got, std::string& partial_file) {
    if (got)
        if (auto named = file.commit(); !named)
            got = std::unexpected(failure::of_local_file(std::move(named.error()), "finishing the local file"));
    partial_file = got ? std::string() : file.abandon();
    return got;
}

}  // namespace sallyport::client
