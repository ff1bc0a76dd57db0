"""Scrapy's settings: polite by default. What depends on the machine is added by scraper.addon."""

BOT_NAME = "horoscopes"
SPIDER_MODULES = ["scraper.spiders"]
COMMANDS_MODULE = "scraper.commands"
ADDONS = {"scraper.addon.Environment": 0}
# Of what Scrapy loads by default only what is named here is loaded: its remote control opens a door on
# loopback that runs commands, its cookies bring a tenth of a second of imports, a middleware costs each page.
EXTENSIONS_BASE: dict[str, int] = {}
EXTENSIONS = {
    "scraper.ledger.Ledger": 0,
    "scrapy.extensions.corestats.CoreStats": 0,
    "scrapy.extensions.closespider.CloseSpider": 0,
    "scrapy.extensions.memusage.MemoryUsage": 0,
    "scrapy.extensions.logstats.LogStats": 0,
    "scrapy.extensions.feedexport.FeedExporter": 0,
    "spidermon.contrib.scrapy.extensions.Spidermon": 500,
}
FEED_EXPORTERS = {
    "csv": "scraper.feeds.CsvRows",
    "json": "scraper.feeds.JsonRows",
    "jsonl": "scraper.feeds.JsonLinesRows",
}
SPIDERMON_ENABLED = True
SPIDERMON_SPIDER_CLOSE_MONITORS = ("scraper.crawl_monitors.CrawlMonitors",)

# Manners: one request a second a host, one at a time, without jitter (it slows a crawl by a third and hides
# nothing).
ROBOTSTXT_OBEY = False  # scraper.manners obeys: Scrapy's own takes an unreachable robots.txt for a yes
DOWNLOADER_MIDDLEWARES_BASE: dict[str, int] = {}
DOWNLOADER_MIDDLEWARES = {
    "scrapy.downloadermiddlewares.downloadtimeout.DownloadTimeoutMiddleware": 350,
    "scrapy.downloadermiddlewares.defaultheaders.DefaultHeadersMiddleware": 400,
    "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": 550,
    "scraper.manners.Manners": 560,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": 590,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": 600,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": 750,
    "scraper.http_cache.ConditionalRequests": 900,
}
RETRY_HTTP_CODES = [500, 502, 503, 504, 522, 524, 408]  # not 429: who says "too many" is not asked again
SPIDER_MIDDLEWARES_BASE: dict[str, int] = {}
SPIDER_MIDDLEWARES = {
    "scraper.kept_pages.KeepPages": 10,
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": 50,
}
DOWNLOAD_DELAY = 1.0
DOWNLOAD_DELAY_JITTER = 0
CONCURRENT_REQUESTS_PER_DOMAIN = 1
DEFAULT_REQUEST_HEADERS = {"Accept": "*/*", "Accept-Language": "ru", "Cache-Control": "max-age=0"}
HTTPCACHE_ENABLED = True  # for conditional requests: an unchanged page answers 304 and is not sent again
HTTPCACHE_POLICY = "scraper.http_cache.OnlyUnchanged"
HTTPCACHE_STORAGE = "scraper.http_cache.WholeAnswers"
HTTPCACHE_GZIP = True
CONCURRENT_ITEMS = 1  # pipelines never wait; Scrapy starts this many tasks for every page, 100 by default

# Bounds on what a server may do to us.
TWISTED_DNS_RESOLVER = "scraper.public_resolver.PublicResolver"
DOWNLOAD_TIMEOUT = 30
DOWNLOAD_MAXSIZE = 8 * 1024 * 1024
DOWNLOAD_WARNSIZE = 4 * 1024 * 1024
REDIRECT_MAX_TIMES = 5
RETRY_TIMES = 2

ITEM_PIPELINES = {
    "scraper.pipelines.required.RequiredFields": 100,
    "scraper.pipelines.identity.Identity": 200,
    "scraper.pipelines.forgotten.NoForgottenPages": 250,
    "scraper.pipelines.duplicates.DuplicatesInRun": 300,
    "scraper.pipelines.parts.Parts": 400,
}
LOG_LEVEL = "INFO"
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
