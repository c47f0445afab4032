#include <sallyport/server/home.hpp>

#include <utility>

namespace sallyport::server {

net::task<result<account_ptr>> open_home(const disk_access& disk, account_ptr user) {
    if (!user->open_files) co_return user;
    auto open = [user] { return user->open_files(); };
    result<std::shared_ptr<vfs::filesystem>> opened = co_await disk.run(std::move(open));
    if (!opened) co_return std::unexpected(opened.error());
    auto with_files = std::make_shared<account>(*user);
    with_files->files = std::move(*opened);
    co_return with_files;
}

}  // namespace sallyport::server
