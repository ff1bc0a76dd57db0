// Adds to a page that works without it: theme, the remembered sign, sharing, the offline copy. Sends nothing anywhere.
"use strict";

const root = document.documentElement;
const body = document.body;
const store = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* a private window keeps nothing */ } },
};

function moscowToday() {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Moscow" }).format(new Date());
}

function followTheme() {
  const button = document.querySelector(".theme");
  if (store.get("theme")) root.dataset.theme = store.get("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    store.set("theme", root.dataset.theme);
  });
}

// A page kept since yesterday must not pass for today's.
function tellStalePage() {
  const stale = body.dataset.today === "1" && body.dataset.date !== moscowToday();
  document.getElementById("stale").hidden = !stale;
  document.querySelectorAll(".days").forEach((days) => { days.hidden = stale; }); // its «сегодня» is not today
}

function rememberSign() {
  if (body.dataset.sign) store.set("sign", body.dataset.sign);
  const mine = document.getElementById(store.get("sign") || "no sign yet");
  const list = document.querySelector(".signs");
  if (mine && list) {
    mine.classList.add("mine");
    list.prepend(mine);
  }
}

function offerSharing() {
  const button = document.getElementById("share");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById("horoscope").textContent.replaceAll("\u00a0", " ");
    const said = document.getElementById("shared");
    try {
      if (navigator.share) return await navigator.share({ title: document.title, text, url: location.href });
      await navigator.clipboard.writeText(`${document.title}\n\n${text}\n${location.href}`);
      said.textContent = "Скопировано";
    } catch (error) {
      if (error.name !== "AbortError") said.textContent = "Не получилось скопировать";
    }
  });
}

followTheme();
tellStalePage();
rememberSign();
offerSharing();
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js");
document.addEventListener("visibilitychange", () => { if (!document.hidden) tellStalePage(); });
