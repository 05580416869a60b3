document.documentElement.classList.add("base");
